"""What the command line of every stage shares: settings, threads, provenance."""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from tracklight.files import check_writable, record
from tracklight.progress import log
from tracklight.settings import LARGEST, Attribute, Settings, load

T = TypeVar("T", bound=Settings)
MOST_THREADS = 1024
OUT_IS_A_FILE = ("attribute", "evaluate-elements", "trust", "report", "report-eeg", "strata-null")  # others: a folder


def whole_number(first: int, last: int = LARGEST) -> Callable[[str], int]:
    """Return an argparse type: a whole number from `first` to `last`."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 12 and first <= int(text) <= last):
            raise argparse.ArgumentTypeError(f"got {text!r}; allowed: a whole number from {first} to {last}")
        return int(text)

    return parse


def add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--settings`, `--threads` and `--provenance`."""
    parser.add_argument(
        "--settings", help="inline JSON, or a YAML/JSON file with this stage's section of the configuration"
    )
    parser.add_argument("--threads", type=whole_number(1, MOST_THREADS), default=1, help="CPU threads (default: 1)")
    parser.add_argument("--provenance", type=Path, help="write the record of this run of the stage to this JSON file")


FOLDERS = {
    "genome": {"help": "folder written by prepare-genome"},
    "windows": {"help": "folder written by prepare-windows"},
    "models": {"nargs": "+", "help": "checkpoints of the ensemble"},
}


def add_inputs(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the inputs that several stages read: `genome`, `windows`, `models`."""
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=True, **FOLDERS[name])


def add_attribute_settings(parser: argparse.ArgumentParser) -> None:
    """Add `--attribute-settings`, for stages that scan more sequence in the way the tracks were made."""
    parser.add_argument("--attribute-settings", help="the attribute section the shards were made with (JSON or file)")


def attribute_settings(arguments: argparse.Namespace) -> Attribute:
    """Read and check the settings behind the tracks."""
    return load(Attribute, arguments.attribute_settings, section="attribute")


def stage_settings(arguments: argparse.Namespace, model: type[T], *, section: str) -> T:
    """Read and check the settings of a stage."""
    return load(model, arguments.settings, section=section)


@contextmanager
def recorded(
    arguments: argparse.Namespace, stage: str, settings: Settings, inputs: dict[str, str | Path]
) -> Iterator[dict[str, Any]]:
    """Time the block and, when it ends well, write its provenance; facts put into the yielded dict are kept.

    Raises
    ------
    InputError
        Before the block, when `--out` or `--provenance` could not be written after it.
    """
    check_writable(arguments.out, folder=stage not in OUT_IS_A_FILE)
    if arguments.provenance is not None:
        check_writable(arguments.provenance)
    started, facts = time.time(), dict[str, Any]()
    yield facts
    if arguments.provenance is not None:
        record(
            arguments.provenance,
            stage=stage,
            settings=settings.model_dump(mode="json"),
            inputs=inputs,
            started=started,
            threads=arguments.threads,
            **facts,
        )
    log.info("%s done in %.1f s", stage, time.time() - started)

"""The command line: one subcommand per stage, and the only place that exits.

What lives here: the table of stages and the translation of errors to exit codes. May import: everything below.
To add: a module in `stages/` with `add_arguments` and `run`, and its row in `STAGES`.
"""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tracklight import __version__
from tracklight.errors import InputError

# Stage modules are imported only when called, so that `tracklight --help` needs neither torch nor pandas.
STAGES = {
    "prepare-genome": "FASTA to codes, contig table and soft-masked intervals",
    "prepare-windows": "measured regions to model windows with targets and splits",
    "simulate-eeg": "sleep EEG with known content and confound, over the stages of real nights",
    "prepare-eeg": "sleep recordings to a tape in volts and an index of epochs",
    "train": "train one network of the ensemble",
    "evaluate": "held-out accuracy beside k-mer, AT-content and untrained baselines",
    "distill": "a small network that answers as the ensemble does",
    "attribute": "per-base attribution of one shard of the genome",
    "bigwig": "attribution shards to bigWig tracks",
    "peaks": "peaks with null, q-value and calibrated confidence",
    "candidates": "peaks to a ranked, annotated list of candidate elements",
    "logos": "sequence logos of candidates and of held-out windows",
    "evaluate-elements": "tracks against known elements, with controls",
    "receptive-field": "where in its window a network looks",
    "deletion": "does the prediction fall when the salient bases are replaced",
    "methods": "agreement and cost of the attribution methods",
    "sanity": "does the map depend on what was learned, and is it stable",
    "shortcuts": "is the model right for the wrong reason",
    "segment": "window labels to elements at base resolution",
    "trust": "join the checks to one table",
    "whiten-eeg": "epochs whose frequencies have the same mean amplitude",
    "train-eeg": "train one network of one half of the subjects",
    "attribute-eeg": "attribution of the subjects that the networks never saw",
    "units-eeg": "one row per report: attribution, power and output of the networks",
    "strata": "a contrast of two labels within strata: content or company",
    "strata-null": "one part of the labellings of strata",
    "gate-eeg": "is anything decoded within strata, and what do simpler decoders do",
    "controls-eeg": "what other weights, other labels and other signals give",
    "claims-eeg": "what may be claimed: the conjunction of attribution and power",
    "report-eeg": "one self-contained page of the studies of a run on EEG",
    "feedback-check": "do marks fit the genome and its windows, or the recordings",
    "feedback": "a trained network corrected by marks, or by a control",
    "feedback-effects": "networks before and after correction, on held-out windows",
    "feedback-tracks": "the map before and after correction, and their difference, as bigWig",
    "feedback-report": "the page of a correction by marks",
    "report": "one self-contained page",
    "schema": "print the JSON schema of the configuration",
}


class Parser(argparse.ArgumentParser):
    """A parser that words a wrong option as every other mistake: one line, exit code 2; an empty path is one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register("type", Path, _path)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, and exit with 2."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one stage; return 0 when done and 2 when the input is at fault (1 is a bug, with its traceback)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    overview = _overview()
    if not arguments or arguments[0] not in STAGES:
        overview.parse_args(arguments)  # --help and --version end here; anything else is a usage error
        overview.print_help()
        return 2
    return _run(arguments[0], arguments[1:])


def _run(name: str, arguments: Sequence[str]) -> int:
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", level=logging.INFO, stream=sys.stderr)
    # Threads that spin while they wait make a machine shared with other work several times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    stage = importlib.import_module("tracklight.stages." + name.replace("-", "_"))
    parser = Parser(prog=f"tracklight {name}", description=STAGES[name])
    stage.add_arguments(parser)
    try:
        stage.run(parser.parse_args(arguments))
    except InputError as error:
        print(f"tracklight {name}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except BrokenPipeError:
        os._exit(0)
    return 0


def _path(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty; give the name of a file or folder")
    return Path(text)


def _overview() -> argparse.ArgumentParser:
    rows = "\n".join(f"  {name:<19}{what}" for name, what in STAGES.items())
    parser = Parser(
        prog="tracklight",
        description="Attribution tracks and ranked candidate elements from sequence models.",
        epilog=f"stages:\n{rows}\n\n`tracklight STAGE --help` explains one of them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tracklight {__version__}")
    parser.add_argument("stage", metavar="STAGE", choices=STAGES, help="one of the stages below")
    return parser


if __name__ == "__main__":
    sys.exit(main())

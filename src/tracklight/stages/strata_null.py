"""Stage `strata-null`: one part of the labellings of `strata`, so that they can be drawn on many machines."""

import argparse
from pathlib import Path

from tracklight.errors import complaint
from tracklight.settings import Strata
from tracklight.stages import door
from tracklight.stages.strata_inference import draw
from tracklight.stages.strata_parts import add_inputs, ask, given_files, identity, save_part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this stage."""
    add_inputs(parser)
    parser.add_argument("--part", type=door.whole_number(0), required=True, help="which part, from 0")
    parser.add_argument("--out", type=Path, required=True, help="file to write (npz)")
    door.add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Write what this part of the labellings gives, as large as the setting `parts` makes it."""
    settings = door.stage_settings(arguments, Strata, section="strata")
    inputs = given_files(arguments)
    if arguments.part >= settings.parts:
        raise complaint(
            "no such part", where="--part", got=arguments.part, allowed=f"0 to {settings.parts - 1}",
            do="or raise strata.parts",
        )  # fmt: skip
    with door.recorded(arguments, "strata-null", settings, {**inputs}) as facts:
        _, asked = ask(inputs, settings)
        nulls = draw(asked, part=arguments.part, parts=settings.parts)
        save_part(arguments.out, nulls, part=arguments.part, identity=identity(inputs, settings))
        facts |= {"part": arguments.part, "labellings": {"/".join(key): len(n.largest) for key, n in nulls.items()}}

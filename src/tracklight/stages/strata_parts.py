"""Parts of the labellings of `strata`: what they are made from, and the files that carry them between machines."""

import argparse
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tracklight import __version__
from tracklight.errors import complaint, existing_file
from tracklight.files import sha256, whole_file
from tracklight.settings import Strata
from tracklight.stages.strata_inference import Direction, directions
from tracklight.stages.units import Units, read_neighbours, read_units
from tracklight.stats import permutation as tests

Nulls = dict[tuple[str, str], tests.Null]
Identity = dict[str, Any]
FIELDS = ("reached", "largest", "mass")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the tables that `strata` and `strata-null` read."""
    parser.add_argument("--table", type=Path, required=True, help="one row per unit: subject, strata, label, features")
    parser.add_argument(
        "--axes", type=Path, help="place of each feature (channel, frequency...), for clusters; names the features"
    )
    parser.add_argument("--neighbours", type=Path, help="pairs of names on an axis that are neighbours, for clusters")


def given_files(arguments: argparse.Namespace) -> dict[str, Path]:
    """Return the tables that were given, by name."""
    names = ("table", "axes", "neighbours")
    return {name: path for name in names if (path := getattr(arguments, name)) is not None}


def ask(inputs: dict[str, Path], settings: Strata) -> tuple[Units, list[Direction]]:
    """Read the tables; return the units and what is asked of each direction."""
    units = read_units(inputs["table"], settings, axes=inputs.get("axes"))
    pairs = read_neighbours(inputs.get("axes"), inputs.get("neighbours"), features=units.features)
    return units, directions(units, settings, pairs)


def identity(inputs: dict[str, Path], settings: Strata) -> Identity:
    """Return all that a part depends on: the version, checksums of the tables, every setting."""
    tables = {name: sha256(path) for name, path in inputs.items()}
    options = {f"setting {name}": value for name, value in settings.model_dump(mode="json").items()}
    return {"version": __version__, **tables, **options}


def save_part(path: Path, nulls: Nulls, *, part: int, identity: Identity) -> None:
    """Write what one part of the labellings gives (`.npz`, uncompressed).

    Parameters
    ----------
    path : Path
        File to write.
    nulls : dict of (str, str) to Null
        By direction and question.
    part : int
        Its number, from 0.
    identity : dict
        What it was made from.
    """
    values = {f"{name}{n}": getattr(null, name) for n, null in enumerate(nulls.values()) for name in FIELDS}
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, part=part, identity=json.dumps(identity), asked=list(nulls), **values)


def join_parts(paths: Iterable[Path], identity: Identity) -> Nulls:
    """Read all parts, given in any order, and lay them end to end.

    Raises
    ------
    InputError
        When a file is missing, damaged or made from something else, or the parts are not each there once.
    """
    paths, parts = list(paths), identity["setting parts"]
    read = dict(_read(path, identity) for path in paths)
    if len(paths) != parts or sorted(read) != list(range(parts)):
        raise complaint(
            "not every part of the labellings once", got=f"{len(paths)} files with the parts {sorted(read)}",
            allowed=f"{parts} files with the parts 0 to {parts - 1}", do="give all files that strata-null wrote",
        )  # fmt: skip
    return {asked: tests.join([read[part][asked] for part in range(parts)]) for asked in read[0]}


def _read(path: Path, identity: Identity) -> tuple[int, Nulls]:
    existing_file(path, what="part of the labellings")
    try:
        # opened here, since numpy leaves a damaged file open
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            made_from, part = json.loads(str(stored["identity"])), int(stored["part"])
            nulls = {(str(fold), str(name)): tests.Null(*(stored[f"{field}{n}"] for field in FIELDS))
                     for n, (fold, name) in enumerate(stored["asked"])}  # fmt: skip
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise complaint(
            "not a part of the labellings", where=path, got=error, do="delete it and run strata-null again"
        ) from None
    differs = [name for name in identity | made_from if identity.get(name) != made_from.get(name)]
    if differs:
        raise complaint(
            "part of other labellings", where=path, got=f"another {', another '.join(differs)}",
            do="run strata-null again with the tables and settings of strata",
        )  # fmt: skip
    return part, nulls

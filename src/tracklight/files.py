"""Files that are whole or absent: atomic writing, checksums, and the record of where a result came from.

What lives here: what every stage needs to leave nothing half-written behind. May import: settings, errors.
To add: only what does not know any file format.
"""

import errno
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tracklight import __version__
from tracklight.errors import complaint

RECORDED_PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "scikit-image",
    "pandas",
    "edfio",
    "tangermeme",
    "scikit-learn",
    "pyBigWig",
    "pyfaidx",
    "bioframe",
    "snakemake",
)


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it takes the final name only when the block ends well.

    Parameters
    ----------
    path : str or Path
        Final name. Missing parent folders are made.

    Raises
    ------
    InputError
        When the folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    temporary = _temporary_beside(path)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.filename is not None and Path(error.filename) != temporary and error.filename != str(path):
            raise
        raise complaint(
            "cannot write", where=path, got=error.strerror or error, do="check permissions and free space"
        ) from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_writable(path: str | Path, *, folder: bool = False) -> None:
    """Raise `InputError` when `path` could not be written later; nothing is left behind.

    Parameters
    ----------
    path : str or Path
        What will be written. Missing parent folders are not made.
    folder : bool
        Whether it is a folder of files instead of a file.
    """
    path = Path(path)
    try:
        if path.is_dir() and not folder:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        above = [path.absolute()] if folder else []
        nearest = next(parent for parent in [*above, *path.absolute().parents] if parent.exists())
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise complaint(
            "cannot write", where=path, got=error.strerror, do="choose a place that can be written to"
        ) from None


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` as a whole (UTF-8)."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256(path: str | Path) -> str:
    """Return the SHA-256 checksum of a file as 64 hex digits."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def record(
    path: str | Path,
    *,
    stage: str,
    settings: dict[str, Any],
    inputs: dict[str, str | Path],
    started: float,
    **facts: Any,
) -> None:
    """Write the provenance of a stage as JSON.

    Parameters
    ----------
    path : str or Path
        Where the record goes, usually `results/<run>/provenance/<stage>.json`.
    stage : str
        Name of the stage.
    settings : dict
        The resolved settings, defaults included.
    inputs : dict of str to path
        Files read; each is recorded with its checksum.
    started : float
        `time.time()` at the start of the stage.
    **facts
        Anything else worth keeping: seeds, device, counts.
    """
    entry = {
        "stage": stage,
        "version": __version__,
        "command": sys.argv,
        "settings": settings,
        "inputs": {name: {"path": str(file), "sha256": sha256(file)} for name, file in inputs.items()},
        "python": platform.python_version(),
        "packages": _versions(),
        "host_cpus": os.cpu_count(),
        "seconds": round(time.time() - started, 3),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **facts,
    }
    write_text(path, json.dumps(entry, indent=2, default=str) + "\n")


def _temporary_beside(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=".tmp" + "".join(path.suffixes[-2:])
        )
    except OSError as error:
        raise complaint(
            "cannot write", where=path, got=error.strerror, do="choose a folder that can be written to"
        ) from None
    os.close(handle)
    umask = os.umask(0)
    os.umask(umask)
    Path(name).chmod(0o666 & ~umask)  # mkstemp makes private files; results are shared in a group
    return Path(name)


def _versions() -> dict[str, str]:
    found = {}
    for package in RECORDED_PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found

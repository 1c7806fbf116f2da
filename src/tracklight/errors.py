"""One wording for every complaint about input: what, where, got, allowed, what to do.

What lives here: `InputError` and the few functions that phrase it. May import: the standard library only.
To add: a function here when two readers would otherwise word the same complaint differently.
"""

from collections.abc import Iterable
from pathlib import Path


class InputError(Exception):
    """The user's input is at fault; the command line prints the message as one line and exits with 2."""


def complaint(
    what: str, *, where: object = None, got: object = None, allowed: object = None, do: str = ""
) -> InputError:
    """Word a complaint as one line: what is wrong, where, what was got, what is allowed, what to do."""
    parts = [what if where is None else f"{where}: {what}"]
    parts += [f"got {_short(got)}"] if got is not None else []
    parts += [f"allowed: {_short(allowed)}"] if allowed is not None else []
    parts += [do] if do else []
    return InputError("; ".join(" ".join(part.split()) for part in parts))


def existing_file(path: str | Path, *, what: str, may_be_empty: bool = False) -> Path:
    """Return `path` when it is a file that is not empty (unless it may be), else raise `InputError`."""
    path = Path(path)
    if not path.is_file():
        raise complaint(f"{what} not found", where=path, do="check the path in the configuration")
    if path.stat().st_size == 0 and not may_be_empty:
        raise complaint(f"{what} is empty", where=path, do="copy or make it again")
    return path


def one_of(value: object, allowed: Iterable[object], *, what: str, where: object = None) -> None:
    """Raise `InputError` unless `value` is among `allowed`."""
    allowed = list(allowed)
    if value not in allowed:
        raise complaint(f"unknown {what}", where=where, got=repr(value), allowed=", ".join(map(str, allowed)))


def _short(value: object, *, limit: int = 300) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple, set)) else str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"

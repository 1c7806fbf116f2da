"""Progress of long work: a bar on a terminal, a line with rate and time left every 30 seconds in a log.

What lives here: `track` and the logger of the package. May import: settings, errors.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
log = logging.getLogger("tracklight")
SECONDS_BETWEEN_LINES = 30.0


def track(items: Iterable[T], *, what: str, total: int, unit: str = "it") -> Iterator[T]:
    """Yield `items`, showing progress on stderr.

    Parameters
    ----------
    items : iterable
        The work.
    what : str
        Name of the work, as the user knows it.
    total : int
        Number of items.
    unit : str
        Word for one item.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, total=total, unit=unit, leave=False)
        return
    yield from _with_lines(items, what=what, total=total, unit=unit)


def _with_lines(items: Iterable[T], *, what: str, total: int, unit: str) -> Iterator[T]:
    started = spoken = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - spoken >= SECONDS_BETWEEN_LINES:
            rate = done / (now - started)
            log.info("%s: %d of %d, %.3g %s/s, %.0f s left", what, done, total, rate, unit, (total - done) / rate)
            spoken = now

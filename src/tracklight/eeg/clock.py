"""How far two files of one night begin apart, by the clock of their headers."""

import datetime
from pathlib import Path

from tracklight.eeg.edf import NO_DATE, START
from tracklight.progress import log

DAY_S = 86_400.0
MIDNIGHT = datetime.time(0)  # what is written where the time is withheld


def later_by_s(own: datetime.datetime | None, recording: datetime.datetime | None, *, where: str | Path) -> float:
    """Return how much later than the recording a file begins (s); negative where it begins earlier.

    Parameters
    ----------
    own, recording : datetime or None
        What the clock said at the start of each, as `signals.start_of` tells.
    where : str or Path
        The file, for the log.

    Returns
    -------
    float
        Between dated files the difference. Where a date is withheld, that of the times of day, at most half a day. Zero
        where a time is withheld too: both then count from the start of the recording.
    """
    if own is None or recording is None:
        return 0.0
    apart = (own - recording).total_seconds()
    if not (_dated(own) and _dated(recording)):
        apart = (apart + DAY_S / 2) % DAY_S - DAY_S / 2
        withheld = any(each.time() == MIDNIGHT and not _dated(each) for each in (own, recording))
        if apart and withheld:
            log.warning(
                "%s: begins at %s and the recording at %s, and one of them withholds its date and time: both are taken "
                "to begin together", where, own.time(), recording.time(),
            )  # fmt: skip
            return 0.0
    return apart


def _dated(start: datetime.datetime) -> bool:
    return start.date() not in (NO_DATE, START.date())

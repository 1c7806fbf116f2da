"""How every stage writes a table: tab-separated, whole or not at all, the same bytes for the same rows."""

import gzip
from pathlib import Path

import pandas as pd

from tracklight.files import whole_file

DIGITS = 6  # significant digits of what a stage reports


def write_table(path: Path, table: pd.DataFrame, *, digits: int = DIGITS) -> None:
    """Write a table with a header line, compressed when the name ends in `.gz`.

    Parameters
    ----------
    path : Path
        File to write.
    table : DataFrame
        Its rows, without the index; missing values become empty cells.
    digits : int
        Significant digits of floating-point numbers; 7 keep what a float32 holds.
    """
    text = table.to_csv(sep="\t", index=False, float_format=f"%.{digits}g").encode()
    with whole_file(path) as temporary:
        # Without a time in the gzip header the same input gives the same bytes.
        temporary.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)

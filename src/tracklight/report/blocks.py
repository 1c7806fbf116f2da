"""What a page is made of: sections of paragraphs, tables, pictures and lists; and how numbers are worded."""

import math
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Text:
    """A paragraph; `strong` ones are set apart as the finding of their section, with a warning where it is none."""

    text: str
    strong: bool = False
    warn: bool = False
    kind: str = "text"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: str = "heading"


@dataclass(frozen=True)
class Cell:
    """One cell of a table: what is shown, what it sorts by, and where it links to."""

    text: str
    value: float | str
    href: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its caption; the first cell of a row names the row.

    Attributes
    ----------
    caption : str
        What the rows are, with units.
    columns : list of str
        Headings.
    rows : list of list of Cell
        Body.
    sortable : bool
        Whether the page lets the reader sort and filter.
    """

    caption: str
    columns: list[str]
    rows: list[list[Cell]]
    sortable: bool = False
    kind: str = "table"

    @property
    def numeric(self) -> list[bool]:
        """Whether each column holds numbers, so that its heading and its dashes stand right as they do."""
        return [any(isinstance(row[at].value, int | float) for row in self.rows) for at in range(len(self.columns))]


@dataclass(frozen=True)
class Picture:
    """An image as a `data:` URI, with its text for readers who do not see it; `width` in CSS pixels, 0: its own."""

    uri: str
    alt: str
    caption: str
    anchor: str = ""
    width: int = 0
    kind: str = "picture"


@dataclass(frozen=True)
class Items:
    """A list of short sentences."""

    items: list[str]
    kind: str = "items"


Block = Text | Heading | Table | Picture | Items


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it."""

    anchor: str
    title: str
    blocks: list[Block] = field(default_factory=list)


def absent(anchor: str, title: str, sentence: str) -> Section:
    """Return a section that says in one sentence why it is empty."""
    return Section(anchor, title, [Text(sentence)])


def number(value: float | None, *, digits: int = 3) -> Cell:
    """Word a number with so many significant digits; a missing one is a dash that sorts last."""
    if value is None or not math.isfinite(float(value)):
        return Cell("–", "")
    value = float(value)
    if value.is_integer() and abs(value) < 1e9:
        return Cell(f"{int(value):,}", value)
    return Cell(f"{value:.{digits}g}" if abs(value) < 1e-3 else f"{value:.{digits}f}", value)


def words(text: Any) -> Cell:
    """Word anything else; a missing value is a dash."""
    shown = "–" if text is None or (isinstance(text, float) and math.isnan(text)) or text == "" else str(text)
    return Cell(shown, shown.lower())


def percent(share: float) -> str:
    """Word a share with one decimal."""
    return f"{share:.1%}"


def plain_table(table: pd.DataFrame, *, caption: str, headings: dict[str, str], sortable: bool = False) -> Table:
    """Turn a DataFrame into a table of the page.

    Parameters
    ----------
    table : DataFrame
        Rows.
    caption : str
        Of the table.
    headings : dict of str to str
        Columns to show, in order, and their headings.
    sortable : bool
        Whether the reader can sort and filter.
    """
    numeric = {name: pd.api.types.is_numeric_dtype(table[name]) for name in headings}
    rows = [
        [number(value) if numeric[name] else words(value) for name, value in zip(headings, row, strict=True)]
        for row in table[list(headings)].itertuples(index=False)
    ]
    return Table(caption, list(headings.values()), rows, sortable)

"""How wide the columns of a table are, Chinese characters counting two, and how they fit a narrow terminal."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from guanxi.cli.words import Words

GAP_COLUMNS: Final = 2
"""Between two columns: a space of the cell's and one of the table's."""


HEADING_LEAST: Final = 4
"""A heading is not broken into narrower pieces."""


class Head(NamedTuple):
    """A heading, and whether its column is flush right."""

    words: Words
    right: bool

    @property
    def lines(self) -> str:
        """Chinese above English, or the one line that says it in both."""
        zh, en = self.words
        return zh if zh == en else f"{zh}\n{en}"


class Width(NamedTuple):
    """What a column takes: as it is, and at least, when its words go on several lines."""

    whole: int
    least: int

    def with_cell(self, cell: str) -> "Width":
        """The width once this cell stands in the column."""
        whole = max(map(cell_len, cell.split("\n")))
        return Width(max(self.whole, whole), max(self.least, *map(cell_len, cell.split() or [""])))


def widths_of(heads: Iterable[Head]) -> list[Width]:
    """Widths of columns that hold nothing but their headings, which may be broken sooner than what stands below."""
    full = (Width(0, 0).with_cell(head.lines) for head in heads)
    return [Width(width.whole, min(width.least, HEADING_LEAST)) for width in full]


def widened(widths: Sequence[Width], cells: Iterable[Sequence[str]]) -> list[Width]:
    """Widths once these rows stand in the table."""
    found = list(widths)
    for row in cells:
        found = [width.with_cell(cell) for width, cell in zip(found, row, strict=True)]
    return found


def fitted(widths: Sequence[Width], available: int) -> list[int] | None:
    """Widths that fit: the widest column gives first, none below its longest word. None: they cannot."""
    room = available - GAP_COLUMNS * (len(widths) - 1)
    if sum(width.least for width in widths) > room:
        return None
    found = [width.whole for width in widths]
    while sum(found) > room:
        at = max((at for at, width in enumerate(widths) if found[at] > width.least), key=lambda at: found[at])
        found[at] -= 1
    return found


def laid_out(
    heads: Sequence[Head], cells: Iterable[Sequence[str]], widths: Sequence[Width], available: int, *, headed: bool
) -> Table:
    """A part of a table, the first one with its headings. Words too long for the terminal are broken, none is lost."""
    table = Table(box=box.SIMPLE_HEAD, show_header=headed, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    given: Sequence[int | None] = fitted(widths, available) or [None] * len(heads)
    for head, width in zip(heads, given, strict=True):
        table.add_column(
            Text(head.lines, justify="right" if head.right else "left"),
            justify="right" if head.right else "left",
            min_width=width,
            max_width=width,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    return table

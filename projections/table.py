"""What a projection keeps: its table, and integers that may be larger than the store's."""

from typing import NamedTuple

INT64_MAX = 2**63 - 1


class Table(NamedTuple):
    """Rows of one projection: (column, SQLite type) in order, and the columns that tell one row from another.

    adds: columns that are added up instead of replaced when a row of the same key is put again. Type ANY keeps what it
    is given, so that a number beyond 64 bits stays a text (see ``wide``).
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    adds: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(name for name, _ in self.columns)


def wide(number: int) -> int | str:
    """An integer as a column of type ANY keeps it: itself, or beyond 64 bits its decimal text."""
    return number if -INT64_MAX <= number <= INT64_MAX else str(number)


def narrow(kept: int | str) -> int:
    """The integer that ``wide`` made ready."""
    return int(kept)

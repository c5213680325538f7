"""How much was where, on any day, as known at any time? Every change of a balance, plainly added up (DOMAIN §3).

A move says that an account holds so much more from a day on. All moves of the first blocks up to a day are the
end-of-day balance of that day as known behind those blocks; weighted with the days that are left, they are a month's sum.
Nothing is replayed: a million balances of any day are one pass over columns.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from aggregates.dates import Day, Month, first_day, last_day
from projections.feed import Feed, Row
from projections.frames import FRAMES
from projections.table import Table

Ints = npt.NDArray[np.int64]
Weigh = Callable[[Ints], Ints]
"""How often the moves of days count."""

_LONGEST_MONTH = 31
_FEW = 64
_KINDS = [
    (np.dtype(kind).str, size, int(np.iinfo(kind).min), int(np.iinfo(kind).max))
    for kind, size in (("<i1", "b"), ("<i2", "h"), ("<i4", "i"), ("<i8", "q"))
]
_BY_ACCOUNT_AND_DAY = itemgetter(0, 1)


class Moves:
    """One row a block in which balances moved. columns: see ``packed``."""

    name = "moves"
    version = 1
    table = Table("moves", (("block", "INTEGER"), ("columns", "BLOB")), ("block",))

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The moves of each block."""
        for told in feed.told:
            if told.moves:
                yield told.block, _packed_of(told.moves)


def _packed_of(moves: Sequence[int]) -> bytes:
    """``packed`` of moves one behind another. Of few without arrays, which cost more there than they save: same bytes."""
    if len(moves) > 3 * _FEW:
        return packed(np.array(moves, dtype=np.int64).reshape(-1, 3))
    flat = list(moves)
    ordered = sorted(zip(flat[::3], flat[1::3], flat[2::3], strict=True), key=_BY_ACCOUNT_AND_DAY)
    numbers, days, amounts = zip(*ordered, strict=True)
    steps = [number - before for number, before in zip(numbers, (0, *numbers), strict=False)]
    return _stored([_narrow(column) for column in (steps, days, amounts)])


def _narrow(column: Sequence[int]) -> tuple[str, bytes]:
    kind, size = _kind_of(min(column), max(column))
    return kind, struct.pack(f"<{len(column)}{size}", *column)


def packed(moves: Ints) -> bytes:
    """Moves (account number, day, amount) as compressed columns, by account and day: steps of numbers, days, amounts."""
    moves = moves[np.lexsort((moves[:, 1], moves[:, 0]))]
    columns = [np.diff(moves[:, 0], prepend=0), moves[:, 1], moves[:, 2]]
    narrow = [column.astype(_kind_of(int(column.min()), int(column.max()))[0]) for column in columns]
    return _stored([(column.dtype.str, column.tobytes()) for column in narrow])


def _stored(columns: list[tuple[str, bytes]]) -> bytes:
    return FRAMES.compress(msgspec.msgpack.encode(columns))


def unpacked(columns: bytes) -> tuple[Ints, Ints, Ints]:
    """(account numbers ascending, days, amounts) of packed moves."""
    steps, days, amounts = (
        np.frombuffer(data, dtype=kind).astype(np.int64)
        for kind, data in msgspec.msgpack.decode(FRAMES.decompress(columns))
    )
    return np.cumsum(steps), days, amounts


def _kind_of(low: int, high: int) -> tuple[str, str]:
    """The narrowest kind of integers that holds both, by numpy's name and by that of ``struct``."""
    return next((kind, size) for kind, size, least, most in _KINDS if low >= least and high <= most)


def balances(rows: Iterable[tuple[bytes]], accounts: int, through: Day | None, first: Day) -> list[int]:
    """Balance of each account by number, minor units: at the end of the day `through`, None for all that is known.

    rows: packed columns of the blocks that count; accounts: how many are known; first: F's first day, as which earlier
    ones count.
    """
    if through is None:
        return _added(rows, accounts, np.ones_like)
    return _added(rows, accounts, lambda day: (np.maximum(day, first) <= through).astype(np.int64))


def month_sums(rows: Iterable[tuple[bytes]], accounts: int, month: Month, through: Day | None, first: Day) -> list[int]:
    """Sum of a month's end-of-day balances of each account by number, minor units; arguments as for ``balances``."""
    start, end = first_day(month), last_day(month)

    def weigh(day: Ints) -> Ints:
        day = np.maximum(day, first)
        weight = np.maximum(end + 1 - np.maximum(day, start), 0)
        return weight if through is None else np.where(day <= through, weight, 0)

    return _added(rows, accounts, weigh)


def _added(rows: Iterable[tuple[bytes]], accounts: int, weigh: Weigh) -> list[int]:
    """Exact sums: in 64 bits while these must suffice, in integers of any size from there on."""
    totals: npt.NDArray[Any] = np.zeros(accounts, dtype=np.int64)
    largest = 0
    for (columns,) in rows:
        numbers, days, amounts = unpacked(columns)
        values: npt.NDArray[Any] = amounts
        largest += int(np.abs(amounts).max()) * len(amounts) * _LONGEST_MONTH
        if largest >= 2**63:
            totals, values = totals.astype(object), values.astype(object)
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        totals[numbers[starts]] += np.add.reduceat(values * weigh(days), starts)
    found: list[int] = totals.tolist()
    return found

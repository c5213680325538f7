"""What is looked at one by one where it is little and in arrays where it is much comes out the same."""

from array import array

import numpy as np
import pytest
from msgspec.structs import replace

from processors.batch import _FEW as FEW
from processors.batch import Batch
from projections.feed import Feed
from projections.moves import _FEW as FEW_MOVES
from projections.moves import Moves, packed, unpacked
from tests.dsl.records import deposit

GOOD = "2026-01-31T09:30:00+08:00"
TIMES = [
    (GOOD, True),
    ("2026-01-31T23:59:59+08:00", True),
    ("2026-01-31T24:00:00+08:00", False),
    ("2026-01-31T09:60:00+08:00", False),
    ("2026-02-31T09:30:00+08:00", False),
    ("2026-01-31 09:30:00+08:00", False),
    ("2026-01-31T09:30:00.5+08:0", False),
]


def batch(times: list[str]) -> Batch:
    records = [deposit("C1", "A1", "1.00", on="2026-01-31", id=f"d{at}") for at in range(len(times))]
    return Batch([replace(record, occurred_at=time) for record, time in zip(records, times, strict=True)])


@pytest.mark.parametrize(("time", "good"), TIMES)
def test_times_are_judged_alike(time: str, good: bool) -> None:
    few = batch([GOOD] * (FEW - 1) + [time])
    many = batch([GOOD] * (3 * FEW) + [time])
    assert few.odd == (set() if good else {FEW - 1})
    assert many.odd == (set() if good else {3 * FEW})
    assert (few.months, few.today, few.latest) == (many.months, many.today, many.latest)


@pytest.mark.parametrize("count", [FEW, 3 * FEW])
def test_equal_ids_are_found(count: int) -> None:
    records = [deposit("C1", "A1", "1.00", on="2026-01-31", id=f"d{at}") for at in range(count)]
    assert not Batch(records).odd
    records[count - 1] = records[1]
    assert Batch(records).odd == {1, count - 1}


@pytest.mark.parametrize("largest", [100, 30_000, 2_000_000_000, 2**63 - 1])
def test_few_moves_are_packed_to_the_same_bytes(largest: int) -> None:
    moves = [(3, 739_000, 5), (1, 739_002, -largest), (1, 739_001, largest), (3, 739_000, 4), (70_000, 739_001, 1)]
    expected = packed(np.array(moves, dtype=np.int64))
    assert stored(moves) == expected
    assert len(unpacked(expected)[0]) == len(moves)
    many = [(at, 739_000, -at) for at in range(FEW_MOVES + 1)]
    assert stored(many) == packed(np.array(many, dtype=np.int64))


def stored(moves: list[tuple[int, int, int]]) -> bytes:
    """As the projection stores a block with these moves."""
    told = _Told(1, array("q", [each for move in moves for each in move]))
    ((_, columns),) = Moves().rows(Feed([told], (), None, ""))  # type: ignore[list-item, arg-type]
    return columns  # type: ignore[return-value]


class _Told:
    def __init__(self, block: int, moves: "array[int]") -> None:
        self.block, self.moves = block, moves

"""Whatever is derived from a log knows by which block it stands: nothing is read twice, nothing is left out (laws of the log 5)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.ids import IdIndex
from infra.sqlite_snapshots import SqliteSnapshots
from processors.keeper import Keeper
from tests.dsl.records import close, deposit, opened
from tests.processors.test_intake import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    found.send(opened("C1", "A1", on="2026-01-01", id="o1"))
    found.send(close("2026-01-05"), deposit("C1", "A1", "1.00", on="2026-01-06", id="d1"))
    yield found
    found.close()


def blocks_read(house: House, ids: IdIndex) -> int:
    """How many blocks a start reads again, with these ids."""
    seen: list[int] = []
    snapshots = SqliteSnapshots(str(house.folder / "bank.db-snapshot"))
    again = Keeper(house.log, ids, house.vault, snapshots, house.views, lambda: "2026-01-01T00:00:00.000Z")
    again.recover(lambda done, _: seen.append(done))
    return len(seen)


def test_a_start_reads_what_came_behind_the_checkpoint(house: House) -> None:
    house.keeper.checkpoint()
    assert blocks_read(house, house.ids) == 0
    house.send(deposit("C1", "A1", "1.00", on="2026-01-06", id="d2"))
    assert blocks_read(house, house.ids) == 1


def test_ids_put_on_pages_as_they_come_stand_by_their_block(house: House) -> None:
    """As happens after half a million of them, far from any checkpoint."""
    house.ids.recent_ids = 1
    for number in range(2):
        house.send(deposit("C1", "A1", "1.00", on="2026-01-06", id=f"more-{number}"))
        assert house.ids.through == house.log.head().block


def test_ids_read_back_from_the_log_stand_by_their_block(house: House, tmp_path: Path) -> None:
    ids = IdIndex(str(tmp_path / "made-anew"), recent_ids=1)
    assert blocks_read(house, ids) == house.log.head().block
    assert ids.through == house.log.head().block
    ids.close()

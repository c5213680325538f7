"""Files split among the shards of a log: everything once, in its own shard, however often the run is cut off."""

import json
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from aggregates.policy import Policy
from guanxi import reading, splitting
from guanxi.splitting import Splitter
from infra.ids import IdIndex
from infra.sqlite_log import SqliteEventLog
from infra.sqlite_snapshots import SqliteSnapshots
from infra.vault import Vault
from processors.faults import Faults
from processors.intake import Counts
from processors.keeper import Keeper
from processors.owner import Owner
from processors.partition import partition_of
from processors.ports import Draft, LogUnusable
from processors.stored import decode_lines

SHARDS = 3
ENVELOPE = {"source": "core", "schema_version": 1, "occurred_at": "2026-01-05T10:00:00+08:00"}


class NoViews:
    """Views that nobody asks."""

    stands = 0

    def tell(self, *_: object) -> None:
        """Nothing."""


class Cut(LogUnusable):
    """The run ends here."""


class World:
    """A log of three shards in files. cut_at: the append that is not answered, counted from 1; done: it was written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.appends = self.cut_at = 0
        self.done = False

    def run(self, stream: BinaryIO | list[bytes], name: str = "records") -> Counts:
        """A process: opens all shards, takes a file and ends; what it took, also if it was cut off."""
        opened: list[Any] = []
        self.appends = 0
        try:
            owners = []
            for number in range(SHARDS):
                log = SqliteEventLog(str(self._folder / f"{number}"), write=True)
                vault = Vault(str(self._folder / f"{number}-vault"), bytes(32))
                opened += log, vault
                self._may_cut(log)
                snapshots = SqliteSnapshots(str(self._folder / f"{number}-snapshot"))
                owner = Owner(partial(self._opened, log, vault, snapshots))
                if not len(owner.keeper.shard.policies):
                    owner.keeper.activate(Policy())
                owners.append(owner)
            splitter = Splitter(owners)
            list(splitter.take_lines(name, stream) if isinstance(stream, list) else splitter.take(name, stream))
            return splitter.counts
        finally:
            for each in opened:
                each.close()

    def _opened(self, log: SqliteEventLog, vault: Vault, snapshots: SqliteSnapshots, faults: Faults) -> Keeper:
        log.refresh()
        keeper = Keeper(
            log, IdIndex(None), vault, snapshots, NoViews(), lambda: "2026-01-05T00:00:00.000Z", None, faults
        )  # type: ignore[arg-type]
        keeper.recover()
        return keeper

    def _may_cut(self, log: SqliteEventLog) -> None:
        append = log.append

        def counted(draft: Draft) -> int:
            self.appends += 1
            if self.appends == self.cut_at and not self.done:
                raise Cut
            number = append(draft)
            if self.appends == self.cut_at:
                raise Cut
            return number

        log.append = counted  # type: ignore[method-assign]

    def lines(self) -> list[list[Any]]:
        """What each shard's log holds."""
        found = []
        for number in range(SHARDS):
            log = SqliteEventLog(str(self._folder / f"{number}"))
            found.append([line for block in log.blocks() for line in decode_lines(block.body)])
            log.close()
        return found

    def is_under_way(self) -> bool:
        """Whether any shard has a place in a file."""
        found = False
        for number in range(SHARDS):
            log = SqliteEventLog(str(self._folder / f"{number}"))
            found |= any(log.head().inputs.values())
            log.close()
        return found


def record(number: int, **more: object) -> bytes:
    what = {"type": "account_opened", "event_id": f"e{number}", "value_date": "2026-01-05", "category": "deposit"}
    who = {"customer_id": f"C{number % 7}", "account_id": f"A{number}", "currency": "CNY"}
    return json.dumps({**ENVELOPE, **what, **who, **more}).encode()


def close(date: str, **more: object) -> bytes:
    return json.dumps(
        {**ENVELOPE, "type": "business_day_closed", "event_id": f"close-{date}", "date": date, **more}
    ).encode()


LINES = [
    *(record(at) for at in range(20)),
    close("2026-01-05"),
    b"",
    b"nothing of ours",
    record(1),
    record(20, category="unheard of"),
    close("2026-01-05"),
    close("2026-01-05", working_day=False),
    close("2026-02-30"),
    *(record(at) for at in range(21, 40)),
    close("2026-01-06"),
    b'{"customer_id": 7}',
    *(record(at) for at in range(40, 50)),
]
TAKEN = 20 + 19 + 10 + 2


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(reading, "BATCH_BYTES", 1_000)
    monkeypatch.setattr(splitting, "WINDOW_BATCHES", 4)
    return World(tmp_path)


def content(lines: list[list[Any]]) -> list[list[str]]:
    return [[f"{type(line).__name__} {getattr(line, 'event_id', '')}" for line in each] for each in lines]


def stream(end: bytes = b"\n") -> BytesIO:
    return BytesIO(b"\n".join(LINES) + end)


@pytest.mark.parametrize("end", [b"\n", b""])
def test_every_record_goes_to_its_customer_s_shard_and_closes_to_all(world: World, end: bytes) -> None:
    counts = world.run(stream(end))
    found = world.lines()
    for number, lines in enumerate(found):
        customers = {who for line in lines if (who := getattr(line, "customer_id", None))}
        assert customers == {f"C{at}" for at in range(7) if partition_of(f"C{at}", SHARDS) == number}
        assert [line.date for line in lines if type(line).__name__ == "BusinessDayClosed"] == [
            "2026-01-05",
            "2026-01-06",
        ]
    refused = [
        (number, line.line, line.reason)
        for number, lines in enumerate(found)
        for line in lines
        if type(line).__name__ == "RecordRefused"
    ]
    everywhere = [(number, 27, "day_already_closed") for number in range(SHARDS)]
    first = [(0, 23, "not_json"), (0, 28, "bad_value"), (0, 49, "missing_field")]
    assert sorted(refused) == sorted([*first, (partition_of("C6", SHARDS), 25, "bad_value"), *everywhere])
    assert not world.is_under_way()
    assert (counts.taken, counts.duplicate, counts.refused) == (TAKEN, 2, 5)


def test_a_file_taken_again_is_known(world: World) -> None:
    world.run(stream())
    counts = world.run(stream())
    assert (counts.taken, counts.duplicate) == (0, TAKEN + 2)
    lines = [b for b in LINES if b]
    assert world.run(lines).duplicate == TAKEN + 2


@pytest.mark.parametrize("done", [False, True])
def test_a_run_that_is_cut_off_goes_on_where_each_shard_was(
    world: World, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, done: bool
) -> None:
    world.run(stream())
    whole, appends = content(world.lines()), world.appends
    assert appends > 3 * SHARDS
    for at in range(SHARDS + 1, appends + (not done)):  # behind the last append the file is taken, and known no more
        again = World(tmp_path_factory.mktemp("cut"))
        again.cut_at, again.done = at, done
        with pytest.raises(Cut):
            again.run(stream())
        again.cut_at = 0
        with monkeypatch.context() as other:
            other.setattr(splitting, "WINDOW_BATCHES", 100)  # no shard may lean on where windows end
            counts = again.run(stream())
        assert content(again.lines()) == whole, at
        assert counts.duplicate <= 2, at


def test_a_run_cut_off_again_and_again_comes_to_its_end(world: World, tmp_path: Path) -> None:
    world.cut_at, world.done = SHARDS + 1, True
    for _ in range(8 * SHARDS):
        with pytest.raises(Cut):
            world.run(stream())
        world.cut_at = 1
        if not world.is_under_way():
            break
    assert not world.is_under_way()
    taken = [name for lines in content(world.lines()) for name in lines if name.startswith("AccountOpened")]
    assert len(taken) == len(set(taken)) == 49


def test_another_file_under_a_known_name_is_taken_from_its_beginning(world: World) -> None:
    world.cut_at, world.done = SHARDS + 2, True
    with pytest.raises(Cut):
        world.run(stream())
    world.cut_at = 0
    other = BytesIO(b"\n".join(record(at) for at in range(100, 140)))
    assert world.run(other).taken == 40
    assert world.run(stream()).taken > 0
    ids = [getattr(line, "event_id", "") for lines in world.lines() for line in lines]
    assert {f"e{at}" for at in (*range(50), *range(100, 140))} - {"e20"} <= set(ids)


class Pipe(BytesIO):
    """Cannot be read twice."""

    def seekable(self) -> bool:
        """No."""
        return False


def test_what_comes_through_a_pipe_is_judged_anew(world: World) -> None:
    world.cut_at, world.done = SHARDS + 2, True
    with pytest.raises(Cut):
        world.run(Pipe(stream().getvalue()))
    world.cut_at = 0
    counts = world.run(Pipe(stream().getvalue()))
    assert counts.taken + counts.duplicate == TAKEN + 2
    taken = [name for lines in content(world.lines()) for name in lines if name.startswith("AccountOpened")]
    assert len(taken) == len(set(taken)) == 49


def test_an_error_of_the_log_is_not_swallowed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise LogUnusable("full")

    monkeypatch.setattr(SqliteEventLog, "append", full)
    with pytest.raises(LogUnusable):
        world.run(stream())

"""Snapshots in a SQLite file: the latest one, whole; whatever is not whole is none."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from infra.sqlite_snapshots import SqliteSnapshots
from processors.ports import SnapshotDamaged


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot"


@pytest.fixture
def snapshots(path: Path) -> SqliteSnapshots:
    return SqliteSnapshots(str(path))


def loaded(snapshots: SqliteSnapshots) -> tuple[bytes, list[bytes]] | None:
    found = snapshots.load()
    return found and (found[0], list(found[1]))


def test_none_at_first(snapshots: SqliteSnapshots) -> None:
    assert snapshots.standing() == (0, "")
    assert snapshots.block() == 0
    assert snapshots.load() is None


def test_the_latest_stands(snapshots: SqliteSnapshots, path: Path) -> None:
    snapshots.save(3, "stamp 3", b"frame 3", iter([b"a", b"b", b"c"]))
    snapshots.save(9, "stamp 9", b"frame 9", iter([b"d"]))
    for each in (snapshots, SqliteSnapshots(str(path))):
        assert each.standing() == (9, "stamp 9")
        assert loaded(each) == (b"frame 9", [b"d"])


def test_a_snapshot_of_nobody(snapshots: SqliteSnapshots) -> None:
    snapshots.save(1, "stamp", b"frame", iter(()))
    assert loaded(snapshots) == (b"frame", [])


def test_the_old_one_stands_when_saving_fails(snapshots: SqliteSnapshots) -> None:
    snapshots.save(3, "stamp 3", b"frame 3", iter([b"a"]))

    def failing() -> Iterator[bytes]:
        yield b"d"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        snapshots.save(9, "stamp 9", b"frame 9", failing())
    assert snapshots.standing() == (3, "stamp 3")
    assert loaded(snapshots) == (b"frame 3", [b"a"])


def test_discarded(snapshots: SqliteSnapshots, path: Path) -> None:
    snapshots.save(3, "stamp", b"frame", iter([b"a"]))
    snapshots.discard()
    assert not list(path.parent.iterdir())
    assert snapshots.load() is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE frame SET bytes = x'00'",
        "UPDATE frame SET chunks = 3",
        "UPDATE chunk SET bytes = x'00' WHERE at = 1",
        "DELETE FROM chunk WHERE at = 1",
    ],
)
def test_a_changed_part_is_noticed(snapshots: SqliteSnapshots, path: Path, statement: str) -> None:
    snapshots.save(3, "stamp", b"frame", iter([b"a", b"b"]))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(statement)
        raw.commit()
    with pytest.raises(SnapshotDamaged):
        loaded(snapshots)


@pytest.mark.parametrize("content", [b"", b"not a database", b"\0" * 5000, bytes(range(256)) * 30])
def test_a_file_that_is_none_counts_as_no_snapshot(snapshots: SqliteSnapshots, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert snapshots.standing() == (0, "")
    assert snapshots.load() is None
    snapshots.save(3, "stamp", b"frame", iter([b"a"]))
    snapshots.save(4, "stamp", b"frame", iter([b"a"]))
    assert snapshots.block() == 4


def test_tables_of_another_format_are_replaced(snapshots: SqliteSnapshots, path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE frame (block INTEGER NOT NULL, frame BLOB NOT NULL)")
        raw.execute("INSERT INTO frame VALUES (7, x'00')")
        raw.commit()
    assert snapshots.block() == 0
    snapshots.save(3, "stamp", b"frame", iter([b"a"]))
    assert loaded(snapshots) == (b"frame", [b"a"])

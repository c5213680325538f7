"""What else may happen to the files of a log: either it is healed, or one line says what to do; never wrong data."""

import codecs
import os
import random
import resource
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from guanxi.bootstrap import open_bank
from guanxi.cli.endings import ending
from guanxi.settings import Settings
from guanxi.simulator import POLICY_FILE
from infra.sqlite_log import SqliteEventLog
from tests.crash.runs import (
    KILLED,
    answers,
    check_readable,
    fast_folder,
    forked,
    settings,
    simulated,
    small_steps,
    take,
)

DERIVED = ("views", "ids", "snapshot", "history")
FAULT = "a fault of this program"


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The first half of a bank's records, and all of them."""
    folder = tmp_path_factory.mktemp("records")
    everything = simulated(folder / "all.jsonl", 5, 34, 3)
    lines = everything.read_bytes().splitlines(keepends=True)
    half = folder / "half.jsonl"
    half.write_bytes(b"".join(lines[: len(lines) // 2]))
    return [half, everything]


@pytest.fixture(scope="module")
def undisturbed(records: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    log = tmp_path_factory.mktemp("undisturbed") / "bank.db"
    for file in records:
        take(log, file)
    return answers(log)


@pytest.fixture(scope="module")
def taken(records: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log after the first half, in many blocks."""
    folder = tmp_path_factory.mktemp("taken")

    def job() -> None:
        small_steps()
        take(folder / "bank.db", records[0])

    assert forked(job) == 0
    return folder


@pytest.fixture
def log(taken: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it."""
    with fast_folder(tmp_path) as folder:
        shutil.copytree(taken, folder / "copy")
        yield folder / "copy" / "bank.db"


def beside(log: Path, suffix: str) -> Path:
    return log.with_name(f"{log.name}-{suffix}")


def told(job: Callable[[], object]) -> str:
    """What the program would tell about the error of a job: one line, no fault of its own."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever: what it is told as is looked at
        job()
    line, _ = ending(caught.value)
    assert FAULT not in line
    assert "\n" not in line
    return line


def check(log: Path, records: list[Path], undisturbed: dict[str, Any]) -> None:
    """Go on with the rest of the records: everything as if nothing had happened."""
    for file in records[1:]:
        take(log, file)
    found = answers(log)
    for name, expected in undisturbed.items():
        assert found[name] == expected, name
    check_readable(log)


# ------------------------------------------------------------------------------------------ derived files


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, size - min(size // 2, 4096 * 3))


def cut_oddly(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3 + 7)


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def no_first_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(random.Random(2).randbytes(4096))


def text(path: Path) -> None:
    path.write_text("not a database\n")


DAMAGES = [remove, empty, cut, cut_oddly, garbage, no_first_page, text]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("suffixes", [*((each,) for each in DERIVED), DERIVED], ids="+".join)
@pytest.mark.parametrize("looks_first", [False, True])
def test_damaged_derived_files_are_made_anew(
    log: Path, records: list[Path], undisturbed: dict[str, Any], suffixes: tuple[str, ...],
    damage: Callable[[Path], None], looks_first: bool,
) -> None:  # fmt: skip
    before = answers(log) if looks_first else {}
    for suffix in suffixes:
        damage(beside(log, suffix))
    if looks_first:
        assert answers(log) == before
    check(log, records, undisturbed)


@pytest.mark.parametrize("suffix", DERIVED)
@pytest.mark.parametrize("looks_first", [False, True])
def test_derived_files_of_another_log_are_not_believed(
    log: Path, records: list[Path], undisturbed: dict[str, Any], tmp_path: Path, suffix: str, looks_first: bool
) -> None:
    other, others = tmp_path / "other.db", simulated(tmp_path / "other.jsonl", 9, 40, 5)

    def job() -> None:
        small_steps()
        take(other, others)

    assert forked(job) == 0
    shutil.copy(beside(other, suffix), beside(log, suffix))
    before = answers(log) if looks_first else {}
    assert not before.get("differences")
    check(log, records, undisturbed)


@pytest.mark.parametrize("suffixes", [*((each,) for each in DERIVED), DERIVED], ids="+".join)
def test_older_derived_files_catch_up(
    log: Path, records: list[Path], undisturbed: dict[str, Any], suffixes: tuple[str, ...], tmp_path: Path
) -> None:
    for suffix in suffixes:
        shutil.copy(beside(log, suffix), tmp_path / suffix)
    take(log, records[1])
    for suffix in suffixes:
        shutil.copy(tmp_path / suffix, beside(log, suffix))
    found = answers(log)
    for name, expected in undisturbed.items():
        assert found[name] == expected, name


@pytest.mark.parametrize("kept", [*((each,) for each in DERIVED), DERIVED], ids="+".join)
@pytest.mark.parametrize("looks_first", [False, True])
def test_an_earlier_copy_of_the_log_is_believed_against_its_derived_files(
    log: Path,
    records: list[Path],
    undisturbed: dict[str, Any],
    tmp_path: Path,
    kept: tuple[str, ...],
    looks_first: bool,
) -> None:
    shutil.copy(log, tmp_path / "copy")
    before = answers(log)
    take(log, records[1])
    shutil.copy(tmp_path / "copy", log)
    for suffix in set(DERIVED) - set(kept):
        beside(log, suffix).unlink()
    said: list[str] = []
    if looks_first:
        assert answers(log) == before
    else:
        take(log, records[1], said.append)
        assert kept in (("snapshot",), ("history",)) or "restored from an earlier copy" in said[0]
    check(log, [] if not looks_first else records, undisturbed)


# ------------------------------------------------------------------------------------------ the log and its keys


@pytest.mark.parametrize("damage", [cut, cut_oddly, garbage, no_first_page, text])
def test_a_damaged_log_is_told_and_not_written(log: Path, records: list[Path], damage: Callable[[Path], None]) -> None:
    damage(log)
    damaged = log.read_bytes()
    for suffix in DERIVED:
        beside(log, suffix).unlink()
    for job in (lambda: answers(log), lambda: take(log, records[1])):
        assert "restore the log file from a copy" in told(job)
    assert log.read_bytes() == damaged


def test_a_lost_end_of_the_log_is_told_and_taken_again(
    log: Path, records: list[Path], undisturbed: dict[str, Any]
) -> None:
    """The write-ahead log of a killed process is lost, what was derived from it is not."""

    def job() -> None:
        small_steps()
        SqliteEventLog.close = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        take(log, records[1])

    assert forked(job) == KILLED
    for end in ("-wal", "-shm"):
        log.with_name(log.name + end).unlink()
    said: list[str] = []
    take(log, records[1], said.append)
    assert "lost its end" in said[0]
    check(log, [], undisturbed)


def test_a_log_that_is_gone_is_told(log: Path) -> None:
    log.unlink()
    assert "no such log" in told(lambda: answers(log))


def test_no_derived_file_survives_a_log_begun_anew(log: Path, records: list[Path], undisturbed: dict[str, Any]) -> None:
    log.unlink()
    said: list[str] = []
    take(log, records[0], said.append)
    assert "block 0" in said[0]
    check(log, records, undisturbed)


def test_another_file_is_not_a_log(tmp_path: Path, records: list[Path]) -> None:
    assert "no log of this program" in told(lambda: take(records[0], records[0]))
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE place (name TEXT)")
    for job in (lambda: answers(other), lambda: take(other, records[0])):
        assert "a database of another program; give another --log" in told(job)


def test_without_the_master_key_nothing_is_taken(
    log: Path, records: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = log.read_bytes()
    beside(log, "master.key").unlink()
    assert "put it back from its copy" in told(lambda: take(log, records[1]))
    monkeypatch.setenv("GUANXI_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    assert "made under another master key" in told(lambda: take(log, records[1]))
    monkeypatch.setenv("GUANXI_KEY", "short")
    assert "not base64" in told(lambda: take(log, records[1]))
    assert log.read_bytes() == before


def test_looking_needs_no_key(log: Path) -> None:
    before = answers(log)
    beside(log, "master.key").unlink()
    assert answers(log) == before


# ------------------------------------------------------------------------------------------ the machine


def test_a_full_disk_is_told_and_healed(records: list[Path], undisturbed: dict[str, Any], tmp_path: Path) -> None:
    """Files may grow to so many bytes and no further, from nothing to all that is needed."""
    lines = set()
    with fast_folder(tmp_path) as base:
        for kib in (0, 1, 3, 5, 9, 17, 29, 40, 60, 80, 100, 130, 200):
            log = base / f"{kib}.db"
            note = base / "told"

            def job(log: Path = log, kib: int = kib, note: Path = note) -> None:
                small_steps()
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, resource.RLIM_INFINITY))
                line = "taken"
                try:
                    take(log, records[0])
                except Exception as error:
                    line, _ = ending(error)
                resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                note.write_text(line)

            assert forked(job) == 0
            line = note.read_text()
            assert FAULT not in line, line
            lines.add(line.replace(str(log), "LOG"))
            if line != "taken":
                take(log, records[0])
            check(log, records, undisturbed)
    assert len(lines) > 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become somebody else")
@pytest.mark.parametrize("what", ["log", "folder"])
def test_what_may_not_be_written_is_told(taken: Path, records: list[Path], what: str) -> None:
    with fast_folder(taken) as base:
        base.chmod(0o755)
        folder = base / "copy"
        shutil.copytree(taken, folder)
        log, note, file = folder / "bank.db", base / "told", base / "records.jsonl"
        shutil.copy(records[1], file)
        for each in folder.iterdir():
            os.chown(each, 65534, 65534)
        note.touch()
        note.chmod(0o666)
        if what == "log":
            os.chown(folder, 65534, 65534)
            log.chmod(0o444)
        before = log.read_bytes()
        codecs.lookup("ascii")  # whom the process becomes may not be let read the interpreter's own library

        def job() -> None:
            os.setuid(65534)
            try:
                take(log, file)
                note.write_text("taken")
            except Exception as error:
                note.write_text(ending(error)[0])

        assert forked(job) == 0
        line = note.read_text()
        assert line != "taken"
        assert FAULT not in line
        assert "permission" in line
        assert log.read_bytes() == before


def test_a_log_begun_and_killed_takes_any_policy(tmp_path: Path, records: list[Path]) -> None:
    """Looking at a log that holds nothing yet decides no policy for it."""
    log = tmp_path / "bank.db"
    SqliteEventLog(str(log), write=True).close()
    assert answers(log)["tiers"] == []
    with open_bank(Settings(log=settings(log).log, policy=POLICY_FILE), write=True) as bank:
        assert bank.ingest([str(records[1])]).taken
    with open_bank(settings(log), write=False) as bank:
        assert "default-1" not in bank.status().policies

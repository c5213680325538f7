"""Killed at any write while a customer is erased: the key is there until the log says so, and never again after."""

import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest

from events import codec
from events.decisions import CustomerErased
from events.fields import Record
from guanxi.bootstrap import open_bank
from infra.sealing import KeyDestroyed
from infra.sqlite_log import SqliteEventLog
from infra.vault import Vault, is_destroyed
from processors.stored import decode_lines, opened
from tests.crash.runs import KILLED, WRITES, die_at, forked, is_finished, settings, writes_of
from tests.dsl.records import close, deposit, erasure, registered
from tests.dsl.records import opened as account

NAME, MEMO = "张小明", "给李四的房租"
AROUND = 5
"""Writes before and behind the destruction of the key at which a process is killed."""
WITH_KEYS = {**WRITES, "keys destroyed": (Vault, "destroy")}


def lines() -> list[bytes]:
    records: list[Record] = [
        account("C1", "A1", on="2026-01-01", id="a1"),
        registered("C1", at="2026-01-01", name=NAME, number="110101199003070011", id="r1"),
        deposit("C1", "A1", "5.00", on="2026-01-02", memo=MEMO, id="d1"),
        account("C2", "A2", on="2026-01-01", id="a2"),
        deposit("C2", "A2", "5.00", on="2026-01-02", memo=MEMO, id="d2"),
        deposit("C1", "A9", "5.00", on="2026-01-02", memo=MEMO, id="refused"),
        close("2026-01-31"),
        erasure("C1", at="2026-02-01", id="x1"),
        deposit("C1", "A1", "7.00", on="2026-02-01", memo=MEMO, id="d3"),
        close("2026-02-28"),
    ]
    return [codec.encode(each) for each in records]


def job(log: Path) -> None:
    """Batches of a few records, so that the erasure is in the middle of one of many blocks."""
    told = lines()
    with open_bank(settings(log), write=True) as bank:
        for at in range(0, len(told), 3):
            bank.ingest_lines(f"part {at}", told[at : at + 3])


def wrapped_key(log: Path) -> bytes | None:
    with closing(sqlite3.connect(log.with_name(f"{log.name}-vault"))) as db:
        try:
            row = db.execute("SELECT wrapped FROM keys WHERE customer_id = 'C1'").fetchone()
        except sqlite3.OperationalError:  # killed while it was made
            return None
    return row and row[0]


def check_kept(log: Path) -> bytes | None:
    """Ahead of the erasure in the log the key opens what was sealed, whenever the process died -> the key, if there is one."""
    key = wrapped_key(log)
    try:
        found = SqliteEventLog(str(log))
    except Exception:
        return key
    with closing(found):
        told = [line for block in found.blocks() for line in decode_lines(block.body)]
    if any(isinstance(line, CustomerErased) for line in told):
        return key
    sealed = [line for line in told if isinstance(line, Record) and isinstance(line.sealed, str)]
    assert key != bytes(60)
    if sealed:
        master = b64decode(log.with_name(f"{log.name}-master.key").read_text())
        with closing(Vault(f"{log}-vault", master)) as vault:
            assert all(opened(line, vault) for line in sealed)
    return key


def check_erased(log: Path, keys: set[bytes]) -> None:
    """Nothing that was sealed of C1 opens, nothing personal and no key stands in any file, and the rest is there."""
    assert is_destroyed(log.with_name(f"{log.name}-vault"), "C1")
    for file in log.parent.glob("bank.db*"):
        held = file.read_bytes()
        assert not any(secret.encode() in held for secret in (NAME, MEMO, "110101199003070011")), file
        assert not any(key in held for key in keys), file
    master = b64decode(log.with_name(f"{log.name}-master.key").read_text())
    with closing(SqliteEventLog(str(log))) as found, closing(Vault(f"{log}-vault", master)) as vault:
        told = [line for block in found.blocks() for line in decode_lines(block.body)]
        sealed = [line for line in told if isinstance(line, Record) and isinstance(line.sealed, str)]
        assert {msgspec.structs.asdict(line)["customer_id"] for line in sealed} == {"C1", "C2"}
        for line in sealed:
            if msgspec.structs.asdict(line)["customer_id"] == "C2":
                assert opened(line, vault) == {"memo": MEMO}
            else:
                with pytest.raises(KeyDestroyed):
                    opened(line, vault)
    assert sum(isinstance(line, CustomerErased) for line in told) == 1
    with open_bank(settings(log), write=False) as bank:
        assert list(bank.rebuild(check=True)) == []
        assert [row["spot"] for row in bank.views.aum()] == [12_00, 5_00]


def test_killed_at_every_write_around_an_erasure(folders: Iterator[Path]) -> None:
    with patch.dict(WRITES, WITH_KEYS):
        folder = next(folders)
        writes = [write.name for write in writes_of(lambda: job(folder / "bank.db"), folder)]
        assert writes.count("before keys destroyed") == 1
        at = writes.index("before keys destroyed")
        assert writes[at - 1] == "after log append"
        check_erased(folder / "bank.db", set())
        for number in range(at - AROUND, at + AROUND):  # test_every_write ends a process at the others
            name, log = writes[number], next(folders) / "bank.db"
            try:
                assert die_at(number, lambda log=log: job(log)) == KILLED
                key = check_kept(log)
                assert forked(lambda log=log: job(log)) == 0
                assert is_finished(log)
                check_erased(log, {key} if key and key != bytes(60) else set())
            except BaseException as error:
                error.add_note(f"killed {name}, write {number} of {len(writes)}")
                raise


def test_a_reader_that_comes_behind_a_crash_has_the_key_destroyed(folders: Iterator[Path]) -> None:
    """Whoever only asks brings what is derived to the end of the log, and so finishes the erasure too."""
    with patch.dict(WRITES, WITH_KEYS):
        folder = next(folders)
        writes = [write.name for write in writes_of(lambda: job(folder / "bank.db"), folder)]
        log = next(folders) / "bank.db"
        assert die_at(writes.index("before keys destroyed"), lambda: job(log)) == KILLED
        assert not is_destroyed(f"{log}-vault", "C1")
        with open_bank(settings(log), write=False) as bank:
            assert bank.is_key_destroyed("C1")

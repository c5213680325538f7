"""A bank on PostgreSQL that takes records by itself, and what goes wrong on the machine that it runs on."""

import sqlite3
import uuid
from pathlib import Path

import pytest

from guanxi.bootstrap import is_new, open_bank
from guanxi.errors import FoundWrong
from guanxi.settings import Settings
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from infra.postgres_views import PostgresViews
from infra.sqlite_snapshots import SqliteSnapshots
from tests.guanxi.test_shards import record


def test_a_full_disk_is_told_and_what_was_taken_is_in_the_log(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = Settings(log=f"{postgres_url}?schema=log_{uuid.uuid4().hex[:12]}")
    create_log(settings.log, shards=2)
    assert is_new(settings)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    def take() -> int:
        with open_bank(settings, write=True) as bank:
            return bank.ingest_lines("records", [record("C1", "e1").strip(), record("C2", "e2").strip()]).taken

    with monkeypatch.context() as patched:
        patched.setattr(SqliteSnapshots, "save", full)
        with pytest.raises(FoundWrong, match="check disk space"):
            take()
    assert not is_new(settings)
    assert take() == 0


def test_a_shard_whose_views_are_to_be_told_anew_is_no_difference(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = Settings(log=f"{postgres_url}?schema=log_{uuid.uuid4().hex[:12]}")
    create_log(settings.log, shards=2)
    with open_bank(settings, write=True) as bank:
        bank.ingest_lines("records", [record("C1", "e1").strip(), record("C2", "e2").strip()])
    session = Session(address_of(settings.log))
    try:
        PostgresViews(session, 1).forget()
    finally:
        session.close()
    with open_bank(settings, write=False) as bank:
        assert [str(each) for each in bank.rebuild(check=True)] == []

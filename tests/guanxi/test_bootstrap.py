"""A bank opened, left and opened again."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from guanxi.bootstrap import open_bank
from guanxi.errors import FoundWrong
from guanxi.settings import Settings, log_url
from infra.sqlite_snapshots import SqliteSnapshots
from processors.ports import LogDamaged

ENVELOPE = {"source": "core", "schema_version": 1, "occurred_at": "2026-01-05T10:00:00+08:00", "currency": "CNY"}


def opened(customer_id: str) -> bytes:
    """The first account of a customer: all with the same event id."""
    record = ENVELOPE | {"type": "account_opened", "event_id": "e1", "value_date": "2026-01-05", "category": "deposit"}
    return json.dumps(record | {"customer_id": customer_id, "account_id": f"A-{customer_id}"}).encode()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(log=log_url(tmp_path / "bank.db"))


def alerts(settings: Settings) -> list[dict[str, Any]]:
    with open_bank(settings, write=True) as bank:
        pass
    with open_bank(settings, write=False) as bank:
        return list(bank.views.alerts())


def test_ids_in_two_places_are_told_although_the_run_that_took_them_ended_before(settings: Settings) -> None:
    def interrupted() -> None:
        with open_bank(settings, write=True) as bank:
            assert bank.ingest_lines("records", [opened("C1"), opened("C2")]).taken == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(alert["kind"], alert["event_id"]) for alert in alerts(settings)] == [("id_in_two_places", "e1")]
    assert len(alerts(settings)) == 1


def test_a_full_disk_is_told_by_a_rebuild(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_bank(settings, write=True) as bank:
        bank.ingest_lines("records", [opened("C1")])

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(SqliteSnapshots, "save", full)
        with pytest.raises(FoundWrong, match="check disk space"):
            list(bank.rebuild(check=False))
        monkeypatch.undo()


def test_what_is_sealed_in_the_log_is_not_in_the_clear_beside_it(settings: Settings) -> None:
    """The publisher's own `ext` of a customer brought forward: views keep such records."""
    fields = {"type": "customer_brought_forward", "event_id": "e1", "value_date": "2025-12-31", "customer_id": "C1"}
    record = {name: value for name, value in ENVELOPE.items() if name != "currency"} | fields
    record |= {"state": "ordinary", "months": [], "ext": {"nickname": "the walrus"}}
    with open_bank(settings, write=True) as bank:
        assert bank.ingest_lines("records", [json.dumps(record).encode()]).taken == 1
    with open_bank(settings, write=False) as bank:
        assert [str(each) for each in bank.rebuild(check=True)] == []


def test_a_block_that_is_missing_is_told_as_damage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_bank(settings, write=True) as bank:
        bank.ingest_lines("a", [b"no record"])

    def missing(_: object, number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("infra.sqlite_log.SqliteEventLog.block", missing)
    settings.log_file.with_name(f"{settings.log_file.name}-snapshot").unlink()
    with pytest.raises(LogDamaged, match=r"block \d is missing; restore the log from a copy"):
        open_bank(settings, write=True)

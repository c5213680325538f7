"""Killed at any write while records are parked, unparked and redriven: run again, each of them counts once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aggregates.records import TAKE
from events import codec
from events.transactions import Deposit
from guanxi.bootstrap import open_bank
from tests.crash.runs import KILLED, answers, die_at, forked, kills, settings, writes_of
from tests.dsl.parking import one_by_one
from tests.dsl.records import close, deposit, opened


def lines(*, late: bool) -> list[bytes]:
    if late:
        return [codec.encode(opened("C3", "A3", on="2026-01-01", id="a3"))]
    records = [
        opened("C1", "A1", on="2026-01-01", balance="300000.00", id="a1"),
        opened("C2", "A2", on="2026-01-01", balance="300000.00", id="a2"),
        *(deposit("C1", "A1", f"{n}.00", on="2026-01-02", id=f"d{n}", memo="房租") for n in range(1, 7)),
        deposit("C3", "A3", "5.00", on="2026-01-02", id="early"),
        deposit("C2", "A2", "5.00", on="2026-01-02", id="other"),
        close("2026-01-31"),
        deposit("C1", "A1", "9.00", on="2026-02-01", id="d9"),
    ]
    return [codec.encode(each) for each in records]


def job(log: Path) -> None:
    """Everything an operator does, told again from the beginning: what is done is not done again."""
    take = TAKE[Deposit]

    def fails(shard: Any, record: Any, *more: Any) -> Any:
        if record.event_id == "d3":
            shard.customers.ensure("C2").accounts.clear()
            raise ZeroDivisionError
        return take(shard, record, *more)

    with patch.dict(TAKE, {Deposit: fails}), one_by_one(), open_bank(settings(log), write=True) as bank:
        if not bank.status().lines or not list(bank.views.parked()):
            bank.ingest_lines("a", lines(late=False))
    with open_bank(settings(log), write=True) as bank:
        bank.ingest_lines("b", lines(late=True))
        if "C1" in bank._owned().keeper.shard.parked:
            bank.unpark("C1")
        bank.redrive("account_unknown")
        bank.ingest_lines("c", [codec.encode(close("2026-02-01")), codec.encode(close("2026-02-28"))])


def compared(log: Path) -> dict[str, Any]:
    found = answers(log)
    assert not found["differences"]
    assert found["types"]["RecordParked"] == 5  # what fails, and its customer's that stand behind it
    for name in ("duplicates", "counts", "types", "marks", "freshness"):
        del found[name]
    assert found["aum by total"] == [
        {"customer_id": "C1", "spot": 300_030_00},
        {"customer_id": "C2", "spot": 300_005_00},
        {"customer_id": "C3", "spot": 5_00},
    ]
    return json.loads(json.dumps({name: found[name] for name in ("tiers", "aum by account", "aum of 2026-02")}))


def test_killed_at_every_block_and_snapshot(folders: Iterator[Path]) -> None:
    folder = next(folders)
    writes = writes_of(lambda: job(folder / "bank.db"), folder)
    assert sum(write.name == "before log append" for write in writes) > 10
    undisturbed = compared(folder / "bank.db")
    for number, name in kills(writes, "log append", "snapshot"):  # test_every_write ends a process at the others
        log = next(folders) / "bank.db"
        assert die_at(number, lambda log=log: job(log)) == KILLED, name
        assert forked(lambda log=log: job(log)) == 0, name
        try:
            assert compared(log) == undisturbed
        except BaseException as error:
            error.add_note(f"killed {name}, write {number} of {len(writes)}")
            raise

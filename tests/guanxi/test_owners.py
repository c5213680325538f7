"""Commands to a worker on PostgreSQL: laid down, done once by the owner of the shard, the answer read in the log."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from aggregates.records import TAKE
from events.transactions import AccountOpened
from guanxi.bootstrap import open_bank
from guanxi.certificate import certificate_of
from guanxi.errors import UserError
from guanxi.owners import Owners, Unparked
from guanxi.settings import Settings
from guanxi.shards import Shards
from infra.postgres_commands import commands_input
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log
from processors.commands import execute
from processors.faults import CommandUnfit
from processors.intake import Origin
from processors.owner import Lines, Owner
from processors.partition import partition_of
from tests.guanxi.test_shards import record
from tests.patience import PATIENCE_S

AT = "2026-01-20T09:00:00.000+08:00"
FILE = Origin(("file:a", 0), "a")
CUSTOMER, OTHER, *_ = (f"C{n}" for n in range(20) if partition_of(f"C{n}", 2) == 1)


@pytest.fixture
def url(postgres_url: str) -> str:
    made = f"{postgres_url}?schema=log_{uuid.uuid4().hex[:12]}"
    create_log(made, shards=2)
    return made


@contextmanager
def worker(url: str, folder: Path) -> Iterator[list[set[str]]]:
    """A process that owns both shards and does what is asked of them -> who is parked in each, as it began."""
    stopped, begun = threading.Event(), threading.Event()
    parked: list[set[str]] = []

    def run() -> None:
        with Shards(Settings(log=url), data=folder, environ={}) as shards:
            owners = [Owner(lambda faults, number=number: shards.open(number, faults)) for number in range(2)]
            owners[1].take(Lines(FILE, 0, record(CUSTOMER, "e1") + record(CUSTOMER, "e2")))
            owners[1].take(Lines(FILE, 2, deposit("late")))
            owners[1].take(Lines(FILE, 3, complaint()))
            parked.extend(set(owner.keeper.shard.parked) for owner in owners)
            begun.set()
            while not stopped.wait(0.02):
                for number, owner in enumerate(owners):
                    source = commands_input(number)
                    for command in shards.commands.read(number, owner.keeper.log.head().inputs.get(source, 0)):
                        execute(owner, source, command.number, command.body)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert begun.wait(PATIENCE_S)
        yield parked
    finally:
        stopped.set()
        thread.join()


def deposit(account_id: str) -> bytes:
    opened = json.loads(record(CUSTOMER, "d1", account_id=account_id, amount=5))
    del opened["category"]
    return json.dumps({**opened, "type": "deposit"}).encode() + b"\n"


def complaint() -> bytes:
    """A day is closed, and another customer complains."""
    closed = {"type": "business_day_closed", "date": "2026-01-05", "event_id": "c1"}
    filed = {"type": "complaint_filed", "complaint_id": "k1", "severity": 1, "event_id": "k1", "customer_id": OTHER}
    same = {"source": "core", "schema_version": 1, "occurred_at": "2026-01-06T10:00:00+08:00"}
    return b"".join(json.dumps({**same, **each}).encode() + b"\n" for each in (closed, filed))


def about(trigger_id: str, kind: str = "trigger_claimed", manager_id: str = "M1", **more: str) -> dict[str, object]:
    return {
        "type": kind, "event_id": uuid.uuid4().hex, "source": "guanxi", "schema_version": 1, "customer_id": OTHER,
        "occurred_at": "2026-01-06T12:00:00+08:00", "trigger_id": trigger_id, "manager_id": manager_id, **more,
    }  # fmt: skip


def test_a_manager_s_word_about_a_trigger_goes_to_the_owner_and_a_note_is_sealed(
    url: str, tmp_path: Path, postgres_url: str
) -> None:
    filed = f"{OTHER}:complaint_open:k1:filed"
    with worker(url, tmp_path), Owners(url) as owners:
        (claimed,) = owners.manage(about(filed))
        assert (claimed.id, claimed.step, claimed.manager_id) == (filed, "claimed", "M1")
        with pytest.raises(CommandUnfit, match="M1 has it since 2026-01-06"):
            owners.manage(about(filed, manager_id="M2"))
        with pytest.raises(CommandUnfit, match="no such trigger"):
            owners.manage(about(f"{OTHER}:complaint_open:k2:filed"))
        noted = about(filed, "manager_contact", outcome="lost", note="搬到外地")
        with pytest.raises(UserError, match="GUANXI_KEY"):
            owners.manage(noted, {"XDG_DATA_HOME": str(tmp_path / "nothing")})
        (lost,) = owners.manage(noted, {"GUANXI_KEY": (tmp_path / "master.key").read_text()})
        assert (lost.step, lost.manager_id) == ("lost", "M1")
        with psycopg.connect(postgres_url) as connection:
            query = SQL("SELECT body::text FROM {}.command").format(Identifier(url.rpartition("=")[2]))
            laid = [body for (body,) in connection.execute(query)]
        assert len(laid) == 4
        assert "搬到外地" not in "".join(laid)


def test_asked_and_answered(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take = TAKE[AccountOpened]

    def fails(shard: object, opened: AccountOpened, *more: object) -> object:
        if opened.event_id == "e1":
            raise ZeroDivisionError
        return take(shard, opened, *more)  # type: ignore[arg-type]

    monkeypatch.setitem(TAKE, AccountOpened, fails)
    with worker(url, tmp_path) as parked, Owners(url) as owners:
        assert parked == [set(), {CUSTOMER}]
        assert owners.unpark(CUSTOMER) == Unparked(3, 3)
        monkeypatch.setitem(TAKE, AccountOpened, take)
        assert owners.unpark(CUSTOMER) == Unparked(3, 0)
        with pytest.raises(CommandUnfit, match="this customer is not parked"):
            owners.unpark(CUSTOMER)
        ((shard, line),) = owners.redrive("account_unknown")
        assert (shard, line.refused) == (1, "account_unknown")
        with pytest.raises(CommandUnfit, match="no reason"):
            owners.redrive("nonsense")
        heads = [PostgresEventLog(url, number).head().inputs for number in range(2)]
        assert [head[commands_input(number)] for number, head in enumerate(heads)] == [2, 5]


def test_erased_by_the_owner_and_certified_from_the_log(url: str, tmp_path: Path) -> None:
    settings = Settings(log=url)
    with worker(url, tmp_path) as _, Owners(url) as owners:
        with pytest.raises(CommandUnfit, match="no such customer"):
            owners.erase("nobody", "shred-0", AT)
        owners.erase(CUSTOMER, "shred-1", AT, "asked in branch 3")
        owners.erase(CUSTOMER, "shred-2", AT)
        with open_bank(settings, write=False) as bank:
            assert bank.is_key_destroyed(CUSTOMER)
            found = certificate_of(
                CUSTOMER,
                bank.lines_sealed_for(CUSTOMER),
                lambda block: bank.recorded_at(CUSTOMER, block),
                bank.log_name,
            )
    assert found is not None
    assert (found["event_id"], found["reason"], found["erased_on"]) == ("shred-1", "asked in branch 3", "2026-01-20")
    assert found["unreadable"] == {"account_opened": 2, "record_refused": 1}


def test_nobody_answers(url: str) -> None:
    with Owners(url, wait_s=0.1) as owners, pytest.raises(UserError, match="no worker owns shard 1; start one"):
        owners.unpark(CUSTOMER)

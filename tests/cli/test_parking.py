"""`guanxi parked` and `guanxi unpark`, and what `ingest` says of what was parked."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Line, opened, record, run, written
from tests.dsl.parking import Failing


def deposit(number: int, customer: str, account: str, amount: int) -> Line:
    return record(
        f"d{number}", "deposit", "2026-04-02", customer, account_id=account, amount=amount, currency="CNY",
        value_date="2026-04-02",
    )  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    lines = [
        opened("C1", "A1", 0),
        opened("客户二", "A2", 0),
        deposit(1, "C1", "A1", 666),
        deposit(2, "客户二", "A2", 5),
    ]
    return written(tmp_path / "records.jsonl", iter([*lines, deposit(3, "C1", "A1", 1), deposit(4, "C1", "A1", 1)]))


@pytest.fixture
def log(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'bank.db'}"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    found = Failing(monkeypatch)
    found.rule(lambda record: getattr(record, "amount", 0) == 666)
    return found


def test_from_parked_to_unparked(file: Path, log: str, failing: Failing) -> None:
    said = run("--log", log, "ingest", str(file))
    assert said.exit_code == 1
    assert "taken 3 · duplicate 0 · refused 0 · parked 3 · " in said.output
    assert "guanxi parked says what failed" in said.stderr
    (row,) = map(json.loads, run("--log", log, "parked").stdout.splitlines())
    assert row.pop("parked_at")
    assert row.pop("place").startswith(("aggregates.", "processors."))
    assert row == {"customer_id": "C1", "since_block": 2, "records": 3, "error": "ZeroDivisionError"}
    assert "搁置" in run("--log", log, "parked", "--format", "table").stdout
    again = run("--log", log, "ingest", str(file))
    assert "taken 0 · duplicate 6 · refused 0 · " in again.output
    assert again.exit_code == 0
    failed = run("--log", log, "unpark", "C1")
    assert failed.exit_code == 1
    assert failed.stdout.startswith("taken 0 · duplicate 0 · refused 0 · parked 3 · ")
    failing.mend()
    assert run("--log", log, "unpark", "C1").stdout.startswith("taken 3 · duplicate 0 · refused 0 · ")
    assert run("--log", log, "parked").stdout == ""
    assert '{"customer_id":"C1","spot":668}' in run("--log", log, "aum").stdout
    assert run("--log", log, "rebuild", "--check").exit_code == 0
    events = run("--log", log, "replay", "--customer", "C1", "--format", "table").stdout
    assert "记录搁置" in events
    assert "解除搁置" in events


def test_nobody_is_parked(file: Path, log: str) -> None:
    run("--log", log, "ingest", str(file))
    assert run("--log", log, "parked").stdout == ""
    said = run("--log", log, "unpark", "C1")
    assert (said.exit_code, said.stderr) == (
        2,
        "guanxi: C1: this customer is not parked; guanxi parked lists those who are\n",
    )


def test_a_run_that_nothing_can_be_parked_of_ends_with_one_line(
    file: Path, log: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RecursionError

    with monkeypatch.context() as patch:
        patch.setattr("processors.parking.parked_line", fails)
        Failing(patch).rule(lambda record: getattr(record, "amount", 0) == 666)
        said = run("--log", log, "ingest", str(file))
    assert said.exit_code == 1
    assert "no customer can be set aside" in said.stderr
    assert said.stderr.count("\n") == 1 + said.stderr.count("master key")
    assert run("--log", log, "ingest", str(file)).exit_code == 0

"""A small log that every command is asked about, made through the command line itself."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from guanxi.cli.root import cli

Line = Mapping[str, Any]


class Small(NamedTuple):
    """The log's URL, the file it came from, and what the first ingest said."""

    log: str
    records: Path
    said: Result


def run(*args: str, env: Mapping[str, str | None] | None = None, stdin: bytes | None = None) -> Result:
    """A command line, in this process."""
    return CliRunner(env={"GUANXI_LOG": None, "GUANXI_POLICY": None, "GUANXI_DEBUG": None, **(env or {})}).invoke(
        cli, args, input=stdin
    )


def record(event_id: str, kind: str, on: str, customer: str | None = None, **fields: Any) -> Line:
    envelope = {"event_id": event_id, "source": "core", "type": kind, "schema_version": 1}
    who = {} if customer is None else {"customer_id": customer}
    return {**envelope, "occurred_at": f"{on}T10:00:00+08:00", **who, **fields}


def opened(customer: str, account: str, balance: int, category: str = "deposit", on: str = "2026-04-01") -> Line:
    return record(
        f"open-{account}", "account_opened", on, customer, account_id=account, category=category, currency="CNY",
        value_date=on, opening_balance=balance,
    )  # fmt: skip


def close(on: str) -> Line:
    return record(f"close-{on}", "business_day_closed", on, date=on)


def month_closes(month: str, days: int) -> Iterator[Line]:
    for day in range(1, days + 1):
        yield close(f"{month}-{day:02d}")


def small_bank() -> Iterator[Line]:
    """April 2026 whole, May to the 10th. C1 enters gold with the worked example of DOMAIN §3."""
    yield opened("C1", "A1", 300_000_00)
    yield opened("C2", "A2", 100_00)
    yield opened("客户三", "A4", 600_000_00, "fund")
    yield opened("客户三", "A3", 50_000_00)
    yield record(
        "out",
        "transfer_out",
        "2026-04-11",
        "C1",
        account_id="A1",
        amount=100_000_00,
        currency="CNY",
        value_date="2026-04-11",
    )
    yield record(
        "bad", "deposit", "2026-04-12", "C2", account_id="A9", amount=1, currency="CNY", value_date="2026-04-12"
    )
    yield record(
        "stated",
        "balance_stated",
        "2026-04-20",
        "C1",
        account_id="A1",
        balance=7,
        currency="CNY",
        value_date="2026-04-20",
    )
    yield from month_closes("2026-04", 30)
    yield from month_closes("2026-05", 10)


def written(path: Path, lines: Iterator[Line]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("small")
    records = written(folder / "records.jsonl", small_bank())
    log = f"sqlite:///{folder / 'bank.db'}"
    return Small(log, records, run("ingest", str(records), "--log", log))


@pytest.fixture
def ask(small: Small) -> Callable[..., Result]:
    """Ask the small log; a command that fails fails the test."""

    def asked(*args: str) -> Result:
        result = run("--log", small.log, *args)
        assert result.exit_code == 0, result.output
        return result

    return asked


@pytest.fixture
def rows(ask: Callable[..., Result]) -> Callable[..., list[dict[str, Any]]]:
    """Ask the small log for JSON lines."""

    def asked(*args: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in ask(*args).stdout.splitlines()]

    return asked

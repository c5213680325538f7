"""The same records in a file and in four shards on PostgreSQL: every command that reads gives the same rows."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import Result

from infra.postgres_session import address_of
from tests.cli.conftest import run

SHARDS = 4
OWN = {"line", "block", "recorded_at", "alerted_at", "refused_at", "as_of_block"}
"""Numbered in each log on its own, or of the clock."""


class Banks(NamedTuple):
    """The URLs of both logs, what taking the records said, and some customers."""

    file: str
    postgres: str
    said: list[str]
    customers: list[str]


@pytest.fixture(scope="module")
def banks(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Banks:
    folder = tmp_path_factory.mktemp("banks")
    records = str(folder / "records.jsonl")
    assert run("simulate", "--customers", "60", "--days", "100", "--malformed", "--out", records).exit_code == 0
    logs = [f"sqlite:///{folder / 'bank.db'}", f"{postgres_url}?schema=log_{uuid.uuid4().hex[:12]}"]
    made = run("log", "create", "--shards", str(SHARDS), "--log", logs[1])
    assert made.exit_code == 0, made.output
    said = [ask(log, "ingest", records, home=folder).stdout for log in logs]
    rows = rows_of(logs[0], "tier-changes")
    customers = [rows[0]["customer_id"], rows[-1]["customer_id"], "C000007"]
    assert len(rows) > 3
    return Banks(logs[0], logs[1], said, customers)


def ask(log: str, *args: str, home: Path | None = None) -> Result:
    env = {"XDG_DATA_HOME": str(home)} if home else {}
    result = run(*args, "--log", log, env=env)
    assert result.exit_code == 0, result.output
    return result


def rows_of(log: str, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ask(log, *args, "--format", "jsonl").stdout.splitlines()]


def plain(value: Any) -> Any:
    """Without what each log has of its own."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key not in OWN}
    return [plain(each) for each in value] if isinstance(value, list) else value


def test_both_took_the_same(banks: Banks) -> None:
    counts = [said.rpartition(" · ")[0] for said in banks.said]
    assert counts[0] == counts[1]
    assert "refused 20" in counts[0]


@pytest.mark.parametrize(
    "asked",
    [
        "tiers", "tiers --as-of 2025-03-15", "tiers --forecast", "tiers --forecast --as-of 2025-02-11",
        "triggers", "triggers --open", "triggers --as-of 2025-03-01 --open", "triggers --what-if", "worklist --unassigned",
        "worth", "tier-changes", "tier-changes --as-of 2025-03-31", "aum", "aum --by account",
        "aum --by category --month 2025-02", "aum --as-of 2025-02-11", "aum --month 2025-02 --as-of 2025-02-11 --by account",
    ],
)  # fmt: skip
def test_rows_of_all_customers_are_the_same_in_the_same_order(banks: Banks, asked: str) -> None:
    file, postgres = (rows_of(log, *asked.split()) for log in (banks.file, banks.postgres))
    assert plain(postgres) == plain(file)
    assert file


@pytest.mark.parametrize("asked", ["rejected", "alerts"])
def test_what_was_decided_is_the_same_in_the_order_of_each_log(banks: Banks, asked: str) -> None:
    file, postgres = (rows_of(log, asked) for log in (banks.file, banks.postgres))
    assert sorted(map(str, plain(postgres))) == sorted(map(str, plain(file)))


@pytest.mark.parametrize(
    "asked",
    [
        "customer {}", "customer {} --as-of 2025-02-20", "replay --customer {}", "diff {} 2025-02-01 2025-03-15",
        "triggers --customer {}", "triggers --what-if --customer {}", "tier-changes --customer {}", "alerts --customer {}",
        "aum --customer {} --by account",
        "aum --customer {} --as-of 2025-02-20", "aum --customer {} --month 2025-01",
    ],
)  # fmt: skip
def test_what_is_told_of_a_customer_is_the_same(banks: Banks, asked: str) -> None:
    for customer in banks.customers:
        file, postgres = (rows_of(log, *asked.format(customer).split()) for log in (banks.file, banks.postgres))
        assert plain(postgres) == plain(file)


def test_tables_say_of_how_many_shards_they_are_and_a_customer_s_page_of_its_own(banks: Banks) -> None:
    assert f"blocks in {SHARDS} shards, business days closed through 2025-04-10" in ask(
        banks.postgres, "tiers", "--format", "table"
    ).stdout.replace("\n", " ")
    page = ask(banks.postgres, "customer", banks.customers[0], "--format", "table").stdout
    assert "as of block " in page


def test_a_customer_of_a_shard_is_asked_about_by_the_blocks_of_it(banks: Banks) -> None:
    customer = banks.customers[0]
    whole = rows_of(banks.postgres, "replay", "--customer", customer)
    part = rows_of(banks.postgres, "replay", "--customer", customer, "--known-at", str(whole[0]["block"]))
    assert part == [row for row in whole if row["block"] <= whole[0]["block"]]
    refused = run("tiers", "--known-at", "2", "--log", banks.postgres)
    assert (refused.exit_code, "name a time" in refused.stderr) == (2, True)
    assert run("customer", "nobody", "--log", banks.postgres).exit_code == 1


def test_status_tells_all_shards(banks: Banks) -> None:
    (status,) = rows_of(banks.postgres, "status")
    (file,) = rows_of(banks.file, "status")
    assert {key: status[key] for key in ("customers", "first_month", "closed_through", "policies")} == {
        key: file[key] for key in ("customers", "first_month", "closed_through", "policies")
    }
    assert [shard["shard"] for shard in status["shards"]] == list(range(SHARDS))
    assert sum(shard["block"] for shard in status["shards"]) == status["blocks"] == status["views_block"]
    table = ask(banks.postgres, "status", "--format", "table").stdout
    assert table.count("closed through 2025-04-10") == SHARDS + 1
    assert "postgresql://" in table
    assert password_of(banks.postgres) not in table


def password_of(url: str) -> str:
    return url.rpartition("@")[0].rpartition(":")[2] if "@" in url else "\0"


def test_views_are_compared_with_the_log_and_made_anew(banks: Banks) -> None:
    assert ask(banks.postgres, "rebuild", "--check").stdout.startswith("no differences")
    before = [rows_of(banks.postgres, asked) for asked in ("tiers", "rejected", "alerts")]
    assert ask(banks.postgres, "rebuild").stdout.startswith("rebuilt")
    assert ask(banks.postgres, "rebuild", "--check").stdout.startswith("no differences")
    assert [rows_of(banks.postgres, asked) for asked in ("tiers", "rejected", "alerts")] == before


def test_a_log_is_made_and_brought_up_to_date_by_command(postgres_url: str) -> None:
    log = f"{postgres_url}?schema=log_{uuid.uuid4().hex[:12]}"
    nothing = run("tiers", "--log", log)
    assert (nothing.exit_code, "guanxi log create" in nothing.stderr) == (2, True)
    assert "a log of 64 shards" in ask(log, "log", "create", "--shards", "64", "--name", "bank").stdout
    assert "a log of 64 shards" in ask(log, "log", "create").stdout
    assert "nothing to do" in ask(log, "log", "migrate").stdout
    assert run("log", "create", "--shards", "3", "--log", log).exit_code == 2
    assert run("log", "create", "--log", "sqlite:///x.db").exit_code == 2
    assert rows_of(log, "tiers") == rows_of(log, "rejected") == []
    (status,) = rows_of(log, "status")
    assert (status["name"], status["blocks"], len(status["shards"])) == ("bank", 0, 64)


@pytest.mark.parametrize("url", ["postgresql://u:secret@127.0.0.1:1/x", "postgresql://u@127.0.0.1:1/x?password=secret"])
def test_a_server_that_is_not_there_is_told_without_the_password(url: str) -> None:
    result = run("tiers", "--log", url)
    assert result.exit_code == 2
    assert result.stderr.startswith("guanxi: postgresql://u@127.0.0.1:1/x: ")
    assert "secret" not in result.output
    assert address_of(url).shown == "postgresql://u@127.0.0.1:1/x"


def test_a_log_in_a_file_needs_nothing_of_postgresql(tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError('no psycopg here')\n")
    here = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), here))}
    code = "from guanxi.cli import main; main()"

    def outcome(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: PLW1510 - how it ends is what is asked
            [sys.executable, "-c", code, *args], env=env, cwd=tmp_path, capture_output=True, text=True
        )

    assert outcome("status", "--log", "sqlite:///bank.db").stderr.count("\n") == 1
    (tmp_path / "r.jsonl").write_text("{}\n")
    assert outcome("ingest", "r.jsonl", "--log", "sqlite:///bank.db").returncode == 0
    missing = outcome("tiers", "--log", "postgresql://localhost/x")
    assert missing.returncode == 2
    assert "pip install 'guanxi[postgres]'" in missing.stderr

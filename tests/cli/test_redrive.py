"""`guanxi redrive`: refused records taken again, tried first without changing anything."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import opened, record, run, written


@pytest.fixture
def log(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 'bank.db'}"
    lines = [
        record(f"d{n}", "deposit", "2026-04-02", f"C{n}", account_id=f"A{n}", amount=n, currency="CNY", value_date="2026-04-02")
        for n in (1, 2)
    ]  # fmt: skip
    assert run("--log", found, "ingest", str(written(tmp_path / "early.jsonl", iter(lines)))).exit_code == 0
    assert (
        run("--log", found, "ingest", str(written(tmp_path / "a1.jsonl", iter([opened("C1", "A1", 0)])))).exit_code == 0
    )
    return found


def asked(log: str, *args: str) -> list[dict[str, Any]]:
    said = run("--log", log, "redrive", "--reason", "account_unknown", *args)
    assert said.exit_code == 0, said.output
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_tried_then_done(log: str, tmp_path: Path) -> None:
    before = (tmp_path / "bank.db").read_bytes()
    tried = asked(log, "--dry-run")
    assert [(row["event_id"], row["outcome"], row["reason"]) for row in tried] == [
        ("d1", "taken", None),
        ("d2", "refused", "account_unknown"),
    ]
    assert tried[1]["file"] == str(tmp_path / "early.jsonl")
    assert (tmp_path / "bank.db").read_bytes() == before
    assert asked(log) == tried
    assert run("--log", log, "aum").stdout == '{"customer_id":"C1","spot":1}\n'
    assert [row["event_id"] for row in asked(log)] == ["d2"]
    assert run("--log", log, "rebuild", "--check").exit_code == 0
    assert len(run("--log", log, "rejected").stdout.splitlines()) == 2
    table = run("--log", log, "redrive", "--reason", "account_unknown", "--dry-run", "--format", "table").stdout
    assert table.endswith("would be refused 1\n")
    assert run("--log", log, "redrive", "--reason", "bad_value", "--format", "table").stdout.endswith(
        "nothing to redrive\n"
    )


def test_a_reason_there_is_not(log: str) -> None:
    said = run("--log", log, "redrive", "--reason", "nonsense")
    assert (said.exit_code, said.stderr) == (
        2,
        "guanxi: nonsense: no reason for a refusal; guanxi rejected shows those there are\n",
    )

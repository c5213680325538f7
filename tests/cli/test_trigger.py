"""`guanxi trigger`: a claim, a contact and an outcome by command, and what is said where it is too late."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import close, opened, record, run, written

FILED = "C1:complaint_open:k:1:filed"


@pytest.fixture
def log(tmp_path: Path) -> str:
    """C1 and the customer "C1:dormant" have complained."""
    lines = [opened("C1", "A1", 5), close("2026-04-01")]
    for customer in ("C1", "C1:dormant"):
        lines.append(record(f"k-{customer}", "complaint_filed", "2026-04-02", customer, complaint_id="k:1", severity=1))
    found = f"sqlite:///{tmp_path / 'bank.db'}"
    assert run("ingest", str(written(tmp_path / "r.jsonl", iter(lines))), "--log", found).exit_code == 0
    return found


def asked(log: str, *args: str) -> tuple[int, str, str]:
    result = run("trigger", *args, "--log", log)
    return result.exit_code, result.stdout, result.stderr


def test_claim_contact_and_close(log: str) -> None:
    code, out, _ = asked(log, "claim", FILED, "--manager", "M1")
    assert (code, json.loads(out)["step"], json.loads(out)["manager_id"]) == (0, "claimed", "M1")
    code, out, err = asked(log, "claim", FILED, "--manager", "M2")
    assert (code, out) == (1, "")
    assert err == f"guanxi: {FILED}: M1 has it since 2026-04-02; nothing was changed\n"
    assert json.loads(asked(log, "contact", FILED, "--manager", "M1", "--note", "要买房")[1])["step"] == "contacted"
    code, out, _ = asked(log, "close", FILED, "--manager", "M1", "--outcome", "retained", "--format", "table")
    assert (code, "已挽留 Retained" in out, out.splitlines()[-1].strip() != "") == (0, True, True)
    for again in (("claim",), ("contact",), ("close", "--outcome", "lost")):
        code, _, err = asked(log, *again, FILED, "--manager", "M2")
        assert (code, err) == (1, f"guanxi: {FILED}: it ended on 2026-04-02: retained by M1; nothing was changed\n")
    rows = [json.loads(line) for line in run("triggers", "--customer", "C1", "--log", log).stdout.splitlines()]
    assert [row["step"] for row in rows] == ["raised", "claimed", "contacted", "retained"]
    records = [json.loads(line) for line in run("replay", "--customer", "C1", "--log", log).stdout.splitlines()]
    made = [row["type"] for row in records if row["source"] == "guanxi" and row["type"] != "trigger_moved"]
    assert made == ["trigger_claimed", "manager_contact", "manager_contact"]
    assert run("rebuild", "--check", "--log", log).exit_code == 0


def test_an_id_with_colons_is_that_of_the_customer_who_is_there(log: str) -> None:
    """C1:dormant:complaint_open:k:1:filed may be the trigger `dormant` of C1 by its form; that customer is there, too."""
    other = f"C1:dormant{FILED.removeprefix('C1')}"
    code, out, err = asked(log, "claim", other, "--manager", "M1")
    assert (code, json.loads(out)["customer_id"]) == (0, "C1:dormant"), err


@pytest.mark.parametrize(
    ("trigger_id", "code", "said"),
    [
        ("C1:complaint_open:k:2:filed", 1, "no such trigger; guanxi triggers --open shows what stands"),
        ("C9:dormant:2026-01-01", 1, "no such trigger"),
        ("C1:nonsense:2026-01-01", 2, "not the id of a trigger; write it as guanxi triggers shows it"),
        ("dormant:2026-01-01", 2, "not the id of a trigger"),
        ("C1:dormant", 2, "not the id of a trigger"),
        ("", 2, "not the id of a trigger"),
    ],
)
def test_what_is_no_trigger(log: str, trigger_id: str, code: int, said: str) -> None:
    found, out, err = asked(log, "claim", trigger_id, "--manager", "M1")
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert said in err


def test_a_manager_without_a_name_is_refused_by_the_field(log: str) -> None:
    code, _, err = asked(log, "claim", FILED, "--manager", "")
    assert (code, "manager_id" in err) == (1, True)
    assert asked(log, "close", FILED, "--manager", "M1")[0] == 2
    assert asked(log, "contact", FILED, "--manager", "M1", "--outcome", "saved")[0] == 2


@pytest.mark.parametrize(
    "args",
    [
        ("trigger", "claim", FILED, "--manager", "M1"),
        ("shred", "C1"),
        ("unpark", "C1"),
        ("redrive", "--reason", "bad_value"),
    ],
)
def test_a_name_mistyped_makes_no_log(tmp_path: Path, args: tuple[str, ...]) -> None:
    result = run(*args, "--log", f"sqlite:///{tmp_path / 'bnak.db'}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "bnak.db: no such log; take records in first (guanxi ingest FILE), or give --log" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_of_two_at_once_one_has_it_and_the_other_is_told_who(log: str) -> None:
    both = [
        subprocess.Popen(
            (sys.executable, "-c", "from guanxi.cli import main; main()", "trigger", "claim", FILED, "--manager", each,
             "--log", log),
            cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for each in ("M1", "M2")
    ]  # fmt: skip
    said = [each.communicate() for each in both]
    assert sorted(each.returncode for each in both) == [0, 1], said
    ((won, _),) = [outcome for outcome, each in zip(said, both, strict=True) if each.returncode == 0]
    ((_, lost),) = [outcome for outcome, each in zip(said, both, strict=True) if each.returncode == 1]
    assert f"{json.loads(won)['manager_id']} has it since 2026-04-02" in lost


@pytest.mark.parametrize("note", [(), ("--note", "要买房")])
def test_who_was_erased_is_spoken_of_no_more(log: str, note: tuple[str, ...]) -> None:
    assert run("shred", "C1", "--log", log).exit_code == 0
    code, out, err = asked(log, "contact", FILED, "--manager", "M1", *note)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.endswith("; nothing was changed\n")


# ---------------------------------------------------------------------------------------------- what if


def test_what_would_have_come_is_told_and_not_written(log: str, tmp_path: Path) -> None:
    def rows(*args: str) -> list[dict[str, object]]:
        result = run("triggers", "--log", log, *args)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    assert asked(log, "close", FILED, "--manager", "M1", "--outcome", "lost")[0] == 0
    came = rows()
    assert [row["step"] for row in came] == ["raised", "lost", "raised"]
    assert rows("--what-if") == came
    assert rows("--what-if", "--open") == rows("--open") == came[2:]
    assert rows("--what-if", "--customer", "C1") == came[:2]
    assert rows("--what-if", "--code", "dormant") == rows("--what-if", "--as-of", "2026-04-01") == []
    off = tmp_path / "off.toml"
    off.write_text('version = "x"\n[triggers.complaint_open]\nenabled = false\n')
    assert rows("--what-if", "--policy", str(off)) == []
    assert rows() == came
    shown = run("triggers", "--what-if", "--format", "table", "--log", log).stdout
    assert "what if: nothing was written; as of block" in shown
    refused = run("triggers", "--what-if", "--known-at", "1", "--log", log)
    assert (refused.exit_code, "leave out --known-at" in refused.stderr) == (2, True)

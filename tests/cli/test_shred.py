"""`guanxi shred`: a customer is erased, the certificate, and that nothing personal is left in any file."""

import json
from pathlib import Path

import pytest

from guanxi.certificate import digest_of
from tests.cli.conftest import close, opened, record, run, written

SECRETS = [
    text.encode() for text in ("张小明", "110101199003070011", "13812345678", "给李四的房租", "李四", "1990-03-07")
]


def deposit(number: int, account: str = "A1", on: str = "2026-04-02") -> dict[str, object]:
    counterparty = {"kind": "other_bank", "name": "李四"}
    return dict(
        record(f"d{number}", "deposit", on, "C1", account_id=account, amount=100, currency="CNY", value_date=on,
               memo="给李四的房租", counterparty=counterparty),
    )  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A log with a customer of whom records were taken, refused in three ways, and answered about."""
    document = {"kind": "id_card", "number": "110101199003070011"}
    lines = [
        opened("C1", "A1", 0),
        record("r1", "customer_registered", "2026-04-01", "C1", name="张小明", document=document, branch="B1",
               phone="13812345678", born_on="1990-03-07"),
        deposit(1),
        deposit(2, "A9"),
        {**deposit(3), "amount": "100"},
        opened("C2", "A2", 500),
        close("2026-04-30"),
    ]  # fmt: skip
    found = f"sqlite:///{tmp_path / 'bank.db'}"
    broken = json.dumps(deposit(4), ensure_ascii=False)[:-3]
    file = written(tmp_path / "records.jsonl", iter(lines))
    file.write_text(file.read_text() + broken)
    assert "taken 5 · duplicate 0 · refused 3 · " in run("--log", found, "ingest", str(file)).output
    assert run("--log", found, "customer", "C1", "--format", "jsonl").exit_code == 0
    assert run("--log", found, "replay", "--customer", "C1").exit_code == 0
    file.unlink()
    return found


def personal(folder: Path) -> list[str]:
    """Names of the files in which something personal is readable."""
    return [file.name for file in folder.iterdir() if any(secret in file.read_bytes() for secret in SECRETS)]


def test_a_certificate_says_what_became_unreadable_and_is_the_same_when_printed_again(log: str) -> None:
    done = run("--log", log, "shred", "C1", "--reason", "asked in branch 3")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["customer_id"], found["reason"], found["source"]) == ("C1", "asked in branch 3", "guanxi")
    assert found["unreadable"] == {"customer_registered": 1, "deposit": 1, "record_refused": 3}
    assert found["key_destroyed"] is True
    assert found["stays"] == ["balances", "levels", "proofs"]
    assert found.pop("digest") == digest_of(found)
    again = run("--log", log, "shred", "C1", "--certificate")
    assert again.stdout == done.stdout
    assert run("--log", log, "shred", "C1", "--reason", "another").stdout == done.stdout
    replayed = map(json.loads, run("--log", log, "replay", "--customer", "C1").stdout.splitlines())
    (line,) = [row["line"] for row in replayed if row["type"] == "customer_erased"]
    assert line == found["line"]


def test_nothing_personal_is_left_in_any_file(log: str, tmp_path: Path) -> None:
    assert personal(tmp_path) == []  # neither before: it is sealed
    assert run("--log", log, "shred", "C1").exit_code == 0
    after = written(tmp_path / "more.jsonl", iter([deposit(5), deposit(6, "A9"), close("2026-05-31")]))
    assert "taken 2 · duplicate 0 · refused 1 · " in run("--log", log, "ingest", str(after)).output
    after.unlink()
    for command in (["customer", "C1"], ["replay", "--customer", "C1"], ["rejected"], ["tiers"], ["aum"], ["rebuild"]):
        said = run("--log", log, *command)
        assert said.exit_code == 0, said.output
        assert not any(secret in said.stdout_bytes for secret in SECRETS)
    assert personal(tmp_path) == []
    assert json.loads(run("--log", log, "aum", "--customer", "C1").stdout)["spot"] == 200
    assert run("--log", log, "rebuild", "--check").exit_code == 0


def test_it_is_shown_to_a_person(log: str) -> None:
    said = run("--log", log, "shred", "C1", "--format", "table").stdout
    for each in (
        "删除证明 Certificate of erasure",
        "客户登记 Registered 1",
        "密钥已销毁 Key destroyed",
        "余额 balances",
    ):
        assert each in said


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["C3"], 1, "C3: no such customer; guanxi tiers lists them all"),
        (
            ["C1", "--format", "csv"],
            2,
            "a certificate has no CSV form: take --format table or jsonl; see cli shred --help",
        ),
        (["C1", "--certificate"], 1, "C1: this customer is not erased; guanxi shred C1 does it"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(log: str, args: list[str], code: int, told: str) -> None:
    said = run("--log", log, "shred", *args)
    assert said.exit_code == code
    assert said.stderr.splitlines()[-1] == f"guanxi: {told}"
    assert run("--log", log, "shred", "C2", "--certificate").exit_code == 1

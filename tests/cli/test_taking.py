"""Commands that take records in or write them: what they say, what they leave, how they end."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from guanxi.simulator import records as simulated
from tests.cli.conftest import Small, close, opened, record, run, small_bank, written


def counts(said: str) -> tuple[int, int, int]:
    found = re.search(
        r"^taken ([\d,]+) · duplicate ([\d,]+) · refused ([\d,]+) · [\d,.]+ s, [\d,]+ records/s$", said, re.M
    )
    assert found is not None, said
    taken, duplicate, refused = (int(number.replace(",", "")) for number in found.groups())
    return taken, duplicate, refused


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'bank.db'}"


def test_ingest_says_what_became_of_the_records(small: Small) -> None:
    assert small.said.exit_code == 0
    assert counts(small.said.stdout) == (46, 0, 1)
    assert "guanxi rejected says why" in small.said.stderr


def test_the_first_run_asks_to_keep_the_key(small: Small) -> None:
    assert "master.key: a new master key; keep a copy" in small.said.stderr


def test_run_again_it_takes_nothing_twice(tmp_path: Path) -> None:
    file = written(tmp_path / "r.jsonl", small_bank())
    assert counts(run("ingest", str(file), "--log", url(tmp_path)).stdout) == (46, 0, 1)
    again = run("ingest", str(file), str(file), "--log", url(tmp_path))
    assert counts(again.stdout) == (0, 92, 2)
    assert "master key" not in again.stderr


def test_standard_input_and_files_are_taken_in_their_order(tmp_path: Path) -> None:
    first = written(tmp_path / "1.jsonl", iter([opened("C1", "A1", 5)]))
    last = written(tmp_path / "2.jsonl", iter([close("2026-04-02")]))
    middle = json.dumps(
        record("d", "deposit", "2026-04-02", "C1", account_id="A1", amount=2, currency="CNY", value_date="2026-04-02")
    )
    result = run("ingest", str(first), "-", str(last), "--log", url(tmp_path), stdin=middle.encode())
    assert counts(result.stdout) == (3, 0, 0)
    assert json.loads(run("aum", "--log", url(tmp_path)).stdout) == {"customer_id": "C1", "spot": 7}


def test_a_refusal_fails_only_a_strict_run(tmp_path: Path) -> None:
    good = written(tmp_path / "good.jsonl", iter([opened("C1", "A1", 5)]))
    bad = written(tmp_path / "bad.jsonl", iter([opened("C1", "A1", 6)]))
    assert run("ingest", "--strict", str(good), "--log", url(tmp_path)).exit_code == 0
    assert run("ingest", str(bad), "--log", url(tmp_path)).exit_code == 0
    strict = run("ingest", "--strict", str(bad), "--log", url(tmp_path))
    assert (strict.exit_code, counts(strict.stdout)) == (1, (0, 0, 1))


def test_a_missing_file_is_a_wrong_call_and_makes_no_log(tmp_path: Path) -> None:
    result = run("ingest", str(tmp_path / "none.jsonl"), "--log", url(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == f"guanxi: {tmp_path / 'none.jsonl'}: no such file; check the name\n"
    assert not (tmp_path / "bank.db").exists()


def test_asking_a_log_that_is_not_there_makes_none(tmp_path: Path) -> None:
    for command in (["tiers"], ["status"], ["rebuild", "--check"], ["customer", "C1"]):
        result = run(*command, "--log", url(tmp_path))
        assert (result.exit_code, result.stdout) == (2, "")
        assert re.fullmatch(r"guanxi: .*bank\.db: no such log; .*\n", result.stderr)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_log_is_found_wrong_not_a_wrong_call(tmp_path: Path) -> None:
    file = tmp_path / "bank.db"
    written(tmp_path / "r.jsonl", small_bank())
    run("ingest", str(tmp_path / "r.jsonl"), "--log", url(tmp_path))
    content = bytearray(file.read_bytes())
    at = content.rfind(b"GXB1")
    content[at + 40] ^= 0xFF
    file.write_bytes(content)
    for beside in tmp_path.glob("bank.db-[vis]*"):
        if not beside.name.startswith(("bank.db-vault", "bank.db-master")):
            beside.unlink()
    result = run("tiers", "--log", url(tmp_path))
    assert result.exit_code == 1
    assert re.fullmatch(
        rf"guanxi: {re.escape(str(file))}: block \d+: .*; restore the log file from a copy\n", result.stderr
    )


@pytest.mark.parametrize("order", ["before", "after", "environment"])
def test_options_stand_before_the_command_or_after_it(tmp_path: Path, order: str) -> None:
    file = written(tmp_path / "r.jsonl", small_bank())
    policy = tmp_path / "p.toml"
    policy.write_text('version = "mine-1"\n', "utf-8")
    options = ["--log", url(tmp_path), "--policy", str(policy)]
    match order:
        case "before":
            result = run(*options, "ingest", str(file))
        case "after":
            result = run("ingest", *options, str(file))
        case _:
            result = run("ingest", str(file), env={"GUANXI_LOG": url(tmp_path), "GUANXI_POLICY": str(policy)})
    assert result.exit_code == 0, result.output
    assert json.loads(run("--format", "jsonl", "status", "--log", url(tmp_path)).stdout)["policies"] == ["mine-1"]


def test_after_the_command_counts_more_than_before_it(small: Small) -> None:
    result = run("--format", "csv", "--log", "sqlite:///nowhere.db", "tiers", "--log", small.log, "--format", "jsonl")
    assert json.loads(result.stdout.splitlines()[0])["customer_id"] == "C1"


def test_a_bad_policy_is_a_wrong_call_with_file_line_and_field(tmp_path: Path) -> None:
    policy = tmp_path / "p.toml"
    policy.write_text('version = "1"\n[windows]\nwatch_months = 0\ncolour = 3\n', "utf-8")
    for command in (["policy", "check", str(policy)], ["ingest", "--policy", str(policy), "-", "--log", url(tmp_path)]):
        result = run(*command, stdin=b"")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
        for told in (f"{policy}:3: windows.watch_months", f"{policy}:4: windows.colour"):
            assert told in result.stderr
    assert not (tmp_path / "bank.db").exists()


def test_a_good_policy_is_shown_in_short(tmp_path: Path) -> None:
    policy = tmp_path / "p.toml"
    policy.write_text(
        'version = "7"\ncurrency = "JPY"\n[[levels]]\ncode = "gold"\n'
        'name = {zh = "金卡", en = "Gold"}\nthreshold = "1000000"\n',
        "utf-8",
    )
    result = run("policy", "check", str(policy))
    assert result.exit_code == 0
    assert result.stdout == f"{policy}: in order. 7, JPY: 金卡 Gold 1,000,000\n"


def test_simulate_writes_the_same_bytes_to_a_file_and_to_standard_output(tmp_path: Path) -> None:
    file = tmp_path / "bank.jsonl"
    arguments = ["simulate", "--customers", "20", "--days", "40", "--seed", "3"]
    said = run(*arguments, "--out", str(file))
    assert said.exit_code == 0, said.output
    content = file.read_bytes()
    assert content == b"".join(line + b"\n" for line in simulated(20, 40, 3))
    assert run(*arguments).stdout_bytes == content
    lines = content.count(b"\n")
    assert re.match(rf"{re.escape(str(file))}: {lines:,} records, {len(content):,} bytes · ", said.stdout)
    assert list(tmp_path.iterdir()) == [file]


def test_simulate_starts_when_asked_and_adds_bad_records_when_asked() -> None:
    arguments = ["simulate", "--customers", "20", "--days", "40", "--seed", "3", "--start", "2024-02-01"]
    wanted = [
        b"".join(line + b"\n" for line in simulated(20, 40, 3, date(2024, 2, 1), malformed=bad))
        for bad in (False, True)
    ]
    assert wanted[0] != wanted[1]
    assert run(*arguments).stdout_bytes == wanted[0]
    assert run(*arguments, "--malformed").stdout_bytes == wanted[1]


def berka_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "account.asc").write_text("account_id;district_id;frequency;date\n1;1;X;930101\n", "ascii")
    (folder / "disp.asc").write_text("disp_id;client_id;account_id;type\n1;11;1;OWNER\n", "ascii")
    (folder / "trans.asc").write_text(
        "trans_id;account_id;date;type;operation;amount;balance;k_symbol;bank;account\n"
        "1;1;930101;PRIJEM;VKLAD;70000.00;70000.00;;;\n"
        "2;1;930201;PRIJEM;VKLAD;10.50;70010.50;;;\n",
        "ascii",
    )
    return folder


def test_import_berka_begins_a_log_with_its_policy(tmp_path: Path) -> None:
    data = berka_folder(tmp_path / "data")
    result = run("import", "berka", str(data), "--log", url(tmp_path))
    assert result.exit_code == 0, result.output
    taken, _, refused = counts(result.stdout)
    assert (taken > 0, refused) == (True, 0)
    assert "read 1 accounts, 2 transactions" in result.stderr
    (tier,) = [json.loads(line) for line in run("tiers", "--log", url(tmp_path)).stdout.splitlines()]
    assert (tier["state"], tier["level"], tier["policy_version"]) == ("vip", "platinum", "berka-1")
    again = run("import", "berka", str(data), "--log", url(tmp_path))
    assert counts(again.stdout) == (0, taken, 0)


def test_import_berka_writes_the_same_records_to_a_file_and_to_standard_output(tmp_path: Path) -> None:
    data = berka_folder(tmp_path / "data")
    out = tmp_path / "records.jsonl"
    assert run("import", "berka", str(data), "--out", str(out)).exit_code == 0
    assert run("import", "berka", str(data), "--out", "-").stdout_bytes == out.read_bytes()
    assert json.loads(out.read_bytes().splitlines()[0])["type"] == "account_opened"


def test_import_berka_names_what_is_missing(tmp_path: Path) -> None:
    empty = tmp_path / "data"
    empty.mkdir()
    result = run("import", "berka", str(empty), "--log", url(tmp_path))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith("guanxi: ")

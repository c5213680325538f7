"""The logs of earlier releases: same bytes in, same answers out (HOUSE, laws of the log).

A row may have gained fields since; those it had must be as they were. The digest of the state is compared as long as the
state has the same version.
"""

import json
import shutil
from base64 import b64decode
from pathlib import Path

import pytest

from aggregates.packing import STATE_VERSION
from aggregates.triggers.catalog import RULES
from events.catalog import RECORDS
from events.decisions import TYPES, CustomerErased, TriggersActivated
from events.fields import Record
from guanxi.bank import Bank
from guanxi.settings import Settings
from infra.vault import KeyDestroyed, Vault
from processors.stored import decode_lines, opened
from tests.golden.history import EXT, MEMO, NAME
from tests.golden.make import FOLDER, KEY, answers, blocks_of, make

NUMBERS = sorted(int(path.name.removeprefix("log-")) for path in FOLDER.glob("log-*") if not path.suffix)


@pytest.fixture(params=NUMBERS)
def number(request: pytest.FixtureRequest) -> int:
    found: int = request.param
    return found


@pytest.fixture
def log(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a golden log: opening leaves files beside it."""
    path = tmp_path / "golden.db"
    shutil.copy(FOLDER / f"log-{number}", path)
    shutil.copy(FOLDER / f"log-{number}.vault", f"{path}-vault")
    monkeypatch.setenv("GUANXI_KEY", KEY)
    return path


def test_there_is_one() -> None:
    assert NUMBERS


def test_same_bytes_in_same_answers_out(number: int, log: Path) -> None:
    before = log.read_bytes()
    expected = json.loads((FOLDER / f"log-{number}.answers.json").read_text("utf-8"))
    found = answers(log)
    for name, rows in expected.items():
        if name == "state" and rows[0]["version"] != STATE_VERSION:
            continue
        kept = [{field: row[field] for field in was} for was, row in zip(rows, found[name], strict=True)]
        assert kept == rows, name
    assert log.read_bytes() == before


def test_personal_data_of_every_release_opens(log: Path) -> None:
    lines = [line for block in blocks_of(log) for line in decode_lines(block.body)]
    vault = Vault(f"{log}-vault", b64decode(KEY))
    erased = {line.customer_id for line in lines if isinstance(line, CustomerErased)}
    sealed = [line for line in lines if isinstance(line, Record) and isinstance(line.sealed, str)]
    gone = [line for line in sealed if getattr(line, "customer_id", None) in erased]
    found = [opened(line, vault) for line in sealed if line not in gone]
    for line in gone:
        with pytest.raises(KeyDestroyed):
            opened(line, vault)
    assert bool(gone) == bool(erased)
    vault.close()
    assert {"memo": MEMO} in found
    assert {"counterparty": {"bank": "ICBC", "account": "6222021234567890", "name": NAME}} in found
    assert {"ext": json.loads(EXT)} in found


def test_rules_of_triggers_that_it_does_not_have_begin_in_it_once(log: Path) -> None:
    for _ in range(2):
        with Bank(Settings(log=f"sqlite:///{log}"), write=True):
            pass
    lines = [line for block in blocks_of(log) for line in decode_lines(block.body)]
    codes = [code for line in lines if isinstance(line, TriggersActivated) for code in line.codes]
    assert sorted(codes) == sorted(rule.code for rule in RULES)


def test_the_newest_one_has_every_type_of_record_and_decision(tmp_path: Path) -> None:
    shutil.copy(FOLDER / f"log-{NUMBERS[-1]}", tmp_path / "golden.db")
    types = {type(line) for block in blocks_of(tmp_path / "golden.db") for line in decode_lines(block.body)}
    missing = {*RECORDS.values(), *TYPES} - types
    assert not missing, f"make a new golden log: python -m tests.golden.make {NUMBERS[-1] + 1}"


def test_nothing_personal_stands_in_it(log: Path) -> None:
    stored = b"".join(block.body for block in blocks_of(log)) + log.read_bytes()
    for text in (NAME, MEMO, "6222021234567890", "110101199003070011", "13812345678", "1990-03-07"):
        assert text.encode() not in stored


def test_a_golden_log_is_never_written_over(number: int) -> None:
    with pytest.raises(FileExistsError, match="give another number"):
        make(number)

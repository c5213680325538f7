"""Mistakes of a person who is new here: each ends with one line of what, where and what to do."""

import os
import re
import shlex
import sqlite3
import subprocess
import tempfile
from pathlib import Path

import pytest

from guanxi.cli.root import COMMANDS, NOT_BUILT
from infra.sqlite_log import WriterLock, is_locked
from tests.cli.conftest import close, opened, run, written
from tests.cli.test_processes import PROGRAM, ROOT
from tests.patience import PATIENCE_S

LOG = "sqlite:///bank.db"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the person works in, with a small log and files that are none."""
    monkeypatch.chdir(tmp_path)
    written(Path("records.jsonl"), iter([opened("C1", "A1", 5), close("2026-04-30")]))
    assert run("ingest", "records.jsonl", "--log", LOG).exit_code == 0
    Path("folder").mkdir()
    Path("empty.db").touch()
    Path("text.toml").write_text("hello\n")
    Path("latin.toml").write_bytes(b'version = "1"\nname = "\xe9"\n')
    Path("dollars.toml").write_text('version = "2"\ncurrency = "USD"\n')
    with sqlite3.connect("other.db") as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    return tmp_path


SEE = "; see guanxi"
CASES = {
    "teirs": f"there is no command teirs, perhaps tiers is meant{SEE} --help",
    "nonsense": f"there is no command nonsense{SEE} --help",
    "verify": f"the command verify is not built yet{SEE} --help",
    "import csv": f"No such command 'csv'{SEE} import --help",
    "tiers --nonsense": f"No such option: --nonsense{SEE} tiers --help",
    "portfolio --manager": f"Option '--manager' requires an argument{SEE} portfolio --help",
    "tiers extra": f"Got unexpected extra argument (extra){SEE} tiers --help",
    "simulate --days many": f"Invalid value for '--days': 'many' is not a whole number{SEE} simulate --help",
    "aum --month 2026-13": f"Invalid value for '--month': '2026-13' is not a month; write YYYY-MM{SEE} aum --help",
    "customer C1 --format csv": f"a page has no CSV form: take --format table or jsonl{SEE} customer --help",
    "customer C9": "C9: no such customer; guanxi tiers lists them all",
    "ingest": f"Missing argument 'FILES...'{SEE} ingest --help",
    "ingest none.jsonl": "none.jsonl: no such file; check the name",
    "ingest folder": "folder: a folder, not a file; name a file in it",
    "ingest records.jsonl none.jsonl": "none.jsonl: no such file; check the name",
    "ingest records.jsonl --policy none.toml": "none.toml: No such file or directory; check the name",
    "ingest records.jsonl --policy folder": "folder: Is a directory; a file is wanted there, not a folder",
    "ingest records.jsonl --policy dollars.toml":
        "dollars.toml: currency is USD, the log's is CNY; a log has one currency",
    "policy check none.toml": "none.toml: no such file; check the name",
    "policy check folder": "folder: a folder, not a file; name a file in it",
    "policy check text.toml":
        "text.toml:1: not TOML: Expected '=' after a key in a key/value pair; write key = value, tables as [table]",
    "policy check latin.toml": "latin.toml:2: not UTF-8; save it as UTF-8",
    "import berka none": "none: no such folder; check the name",
    "import berka records.jsonl": "records.jsonl: a file, not a folder; name the folder that it is in",
    "import berka folder":
        "folder: no disp.asc or disp.csv in it; give the folder with account, disp and trans (.asc or .csv)",
    "simulate --days 1 --out none/x": "none/x: No such file or directory; check the name",
    "simulate --days 1 --out folder": "folder: a folder, not a file; name a file in it",
    "tiers --log bank.db": "bank.db: not the URL of a log; write it like sqlite:///guanxi.db or postgresql://user@host/database",
    "tiers --log sqlite:///none.db": "none.db: no such log; take records in first (guanxi ingest FILE), or give --log",
    "tiers --log sqlite:///folder": "folder: a folder, not a log; name a file: folder/guanxi.db",
    "ingest records.jsonl --log sqlite:///folder": "folder: a folder, not a log; name a file: folder/guanxi.db",
    "ingest records.jsonl --log sqlite:///none/x.db": "none: no such folder; make it first, or give another --log",
    "tiers --log sqlite:///empty.db":
        "empty.db: nothing is in this log yet; take records in first (guanxi ingest FILE)",
    "tiers --log sqlite:///other.db": "other.db: a database of another program; give another --log",
    "ingest records.jsonl --log sqlite:///other.db": "other.db: a database of another program; give another --log",
    "tiers --log sqlite:///records.jsonl":
        "records.jsonl: file is not a database; no log of this program, or damaged: give another --log, "
        "or restore the log file from a copy",
}  # fmt: skip
FOUND_WRONG = {"customer C9", "tiers --log sqlite:///records.jsonl"}


@pytest.mark.parametrize("called", CASES)
def test_a_mistake_is_told_in_one_line_with_what_to_do(called: str) -> None:
    result = run(*called.split(), env={"GUANXI_LOG": LOG})
    assert (result.stdout, result.exit_code) == ("", 1 if called in FOUND_WRONG else 2)
    assert result.stderr.replace("see cli", "see guanxi") == f"guanxi: {CASES[called]}\n"


def test_nothing_is_put_into_a_database_of_another_program() -> None:
    before = Path("other.db").read_bytes()
    run("ingest", "records.jsonl", "--log", "sqlite:///other.db")
    assert Path("other.db").read_bytes() == before
    assert sorted(Path().glob("other.db*")) in ([Path("other.db")], [Path("other.db"), Path("other.db-lock")])


def test_a_command_of_the_contract_is_there_or_said_to_be_to_come() -> None:
    assert not NOT_BUILT & COMMANDS.keys()
    for name in NOT_BUILT:
        assert "is not built yet" in run(name).stderr


@pytest.mark.parametrize("called", [(), ("import",), ("policy",)])
def test_a_command_that_wants_another_one_shows_its_help(called: tuple[str, ...]) -> None:
    result = run(*called)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: ")
    assert result.stderr.replace("\n\n", "\n").rstrip() == run(*called, "--help").stdout.replace("\n\n", "\n").rstrip()


VAULT, KEY = Path("bank.db-vault"), Path("bank.db-master.key")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            KEY.unlink,
            r"the key file bank\.db-master\.key is missing, .*: put it back from its copy, or set GUANXI_KEY; .*",
        ),
        (lambda: KEY.write_text("x"), r"the key file \S+ is not base64: it must hold the base64 of 32 bytes"),
        (
            lambda: (KEY.unlink(), KEY.mkdir()),
            r"the key file \S+ cannot be read \(Is a directory\): check that it is a file, its owner and mode",
        ),
        (
            lambda: VAULT.write_text("x" * 4096),
            r"\S+-vault cannot be used as a vault \(file is not .*\): restore its copy",
        ),
        (
            lambda: (VAULT.unlink(), VAULT.mkdir()),
            r"\S+-vault cannot be used as a vault \(unable to open .*\): check its permissions and the space left, .*",
        ),
    ],
    ids=["no key", "no base64", "a folder as key", "no vault", "a folder as vault"],
)
def test_keys_that_cannot_be_used(damage: object, told: str) -> None:
    memo = dict(opened("C2", "A2", 5), type="account_opened", ext={"a": 1})
    written(Path("personal.jsonl"), iter([memo]))
    assert run("ingest", "personal.jsonl", "--log", LOG).exit_code == 0
    assert callable(damage)
    damage()
    result = run("ingest", "personal.jsonl", "--log", LOG)
    assert (result.stdout, result.exit_code) == ("", 2)
    assert re.fullmatch(f"guanxi: {told}\n", result.stderr)


def test_who_may_only_read_learns_whether_a_log_is_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, really = WriterLock(Path("bank.db-lock")), os.open

    def reading(path: str, flags: int, *mode: int) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise PermissionError(13, "Permission denied", path)
        return really(path, flags, *mode)

    monkeypatch.setattr("os.open", reading)
    assert is_locked(Path("bank.db"))
    lock.release()
    assert not is_locked(Path("bank.db"))


@pytest.mark.parametrize("may_write", [True, False])
def test_who_may_not_write_beside_the_log_may_check_it(monkeypatch: pytest.MonkeyPatch, may_write: bool) -> None:
    places: list[Path | None] = []
    really = tempfile.TemporaryDirectory

    def temporary(*, dir: Path | None, prefix: str) -> tempfile.TemporaryDirectory[str]:  # noqa: A002
        places.append(dir)
        return really(dir=dir, prefix=prefix)

    monkeypatch.setattr("tempfile.TemporaryDirectory", temporary)
    monkeypatch.setattr("os.access", lambda *_: may_write)
    result = run("rebuild", "--check", "--log", LOG)
    assert (result.exit_code, result.stderr) == (0, "")
    assert places == [Path() if may_write else None]


# ---------------------------------------------------------------------------------------------- in a shell


def shell(command: str) -> tuple[int, str, str]:
    """A command line of bash in which `guanxi` is the program."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GUANXI_")}
    program = f'guanxi() {{ {shlex.join(PROGRAM)} "$@"; }}; {command}'
    done = subprocess.run(
        ["bash", "-c", program], env=environment | {"PYTHONPATH": str(ROOT), "GUANXI_LOG": LOG},
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_records_may_come_from_a_pipe_with_a_name() -> None:
    code, said, told = shell("guanxi ingest <(cat records.jsonl) <(cat records.jsonl)")
    assert (code, told) == (0, "")
    assert said.startswith("taken 0 · duplicate 4 · refused 0")


def test_a_full_disk_below_standard_output() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    code, _, told = shell("guanxi tiers > /dev/full")
    assert (code, told.count("\n")) == (2, 1)
    assert told.endswith("No space left on device; free some space, then run the same command again\n")


def test_standard_streams_that_are_closed_are_no_fault_of_the_program() -> None:
    assert shell("guanxi tiers >&-") == (0, "", "")
    assert shell("guanxi nonsense 2>&-") == (2, "", "")
    told = "guanxi: standard input is closed; pipe records in, or name a file\n"
    assert shell("guanxi ingest - <&-") == (2, "", told)

"""The program as a process: pipes, terminals, signals, two at a time."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.cli.conftest import Small, close, opened, run, written
from tests.patience import PATIENCE_S, until

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-c", "from guanxi.cli import main; main()")


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the program with pipes; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[bytes]] = []

    def started(*args: str, stdout: int | IO[bytes] = subprocess.PIPE, **env: str) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GUANXI_")}
        process = subprocess.Popen(
            [*PROGRAM, *args], cwd=ROOT, env=kept | env,
            stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE,
        )  # fmt: skip
        running.append(process)
        return process

    yield started
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


Start = Callable[..., subprocess.Popen[bytes]]


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, (out or b"").decode(), err.decode()


def has_lock(log: Path) -> bool:
    lock = log.with_name(log.name + "-lock")
    return lock.exists() and lock.read_bytes().strip() != b""


@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
def test_a_reader_that_goes_away_ends_it_quietly(start: Start, tmp_path: Path, form: str) -> None:
    log = f"sqlite:///{tmp_path / 'bank.db'}"
    lines = (opened(f"C{n:05}", f"A{n:05}", n + 1) for n in range(3_000))
    assert run("ingest", str(written(tmp_path / "r.jsonl", lines)), "--log", log).exit_code == 0
    process = start("aum", "--log", log, "--format", form)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    assert ended(process) == (0, "", "")


def test_generated_records_stop_quietly_too(start: Start) -> None:
    process = start("simulate", "--customers", "200", "--days", "200")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    assert ended(process) == (0, "", "")


def test_a_terminal_gets_a_table(start: Start, small: Small) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "wb") as terminal:
        process = start("tiers", "--log", small.log, stdout=terminal, COLUMNS="100", TERM="xterm")
    shown = bytearray()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        while part := _read(screen):
            shown += part
    assert ended(process)[0] == 0
    assert "客户三" in shown.decode()
    assert "business days closed through 2026-05-10" in shown.decode()


def _read(screen: IO[bytes]) -> bytes:
    try:
        return screen.read(4096)
    except OSError:  # how Linux says that nobody has the terminal open any more
        return b""


def test_ctrl_c_ends_it_with_one_line(start: Start) -> None:
    process = start("simulate", "--customers", "200", "--days", "3000")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    code, _, told = ended(process)
    assert (code, told) == (130, "guanxi: stopped\n")


def test_while_one_writes_another_may_not_but_all_may_read(start: Start, tmp_path: Path) -> None:
    file, log = written(tmp_path / "r.jsonl", iter([opened("C1", "A1", 5), close("2026-04-01")])), tmp_path / "bank.db"
    url = f"sqlite:///{log}"
    assert ended(start("ingest", str(file), "--log", url))[0] == 0
    writer = start("ingest", "-", "--log", url)
    until(lambda: has_lock(log) and str(writer.pid).encode() in log.with_name("bank.db-lock").read_bytes())
    code, out, told = ended(start("ingest", str(file), "--log", url))
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert f"process {writer.pid} is writing this log" in told
    assert ended(start("rebuild", "--log", url))[0] == 2
    code, out, told = ended(start("aum", "--log", url))
    assert (code, out, told) == (0, '{"customer_id":"C1","spot":5}\n', "")
    writer.send_signal(signal.SIGINT)
    code, _, told = ended(writer)
    assert (code, told) == (130, "guanxi: stopped\n")
    assert ended(start("ingest", str(file), "--log", url))[0] == 0

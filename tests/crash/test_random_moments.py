"""The command itself, killed or interrupted at random moments, and run again until it ends."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.runs import KILLED, answers, check_readable, check_sequences, fast_folder, is_finished, simulated
from tests.crash.test_every_write import ROUNDS

ROOT = Path(__file__).parents[2]
CUSTOMERS, DAYS = (300, 200) if ROUNDS else (60, 100)
BATCH_BYTES = 4 << 20 if ROUNDS else 1 << 17
STOPPED = 130
MAIN = f"from guanxi import reading; reading.BATCH_BYTES = {BATCH_BYTES}; from guanxi.cli import main; main()"


def ingest(log: Path, file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAIN, "ingest", str(file), "--log", f"sqlite:///{log}"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with fast_folder(tmp_path_factory.mktemp("bank")) as found:
        yield found


@pytest.fixture(scope="module")
def records(folder: Path) -> Path:
    return simulated(folder / "records.jsonl", CUSTOMERS, DAYS, 4)


@pytest.fixture(scope="module")
def undisturbed(records: Path, folder: Path) -> tuple[dict[str, Any], float]:
    log = folder / "undisturbed.db"
    code, _ = disturbed(log, records, random.Random(0), 0, signal.SIGCONT)
    assert code == 0
    start = log.with_name(f"{log.name}-lock").stat().st_mtime
    return answers(log), log.with_name(f"{log.name}-snapshot").stat().st_mtime - start


def disturbed(log: Path, records: Path, rng: random.Random, longest: float, how: signal.Signals) -> tuple[int, str]:
    """Start taking the records in, send a signal at a random moment -> exit code and what was said."""
    process = ingest(log, records)
    lock = log.with_name(f"{log.name}-lock")
    while process.poll() is None and not (lock.exists() and lock.read_text() == f"{process.pid}\n"):
        time.sleep(0.005)
    time.sleep(rng.uniform(0, longest))
    if process.poll() is None:
        process.send_signal(how)
    said = process.communicate()
    return process.returncode, said[1]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("seed", range(1 + ROUNDS))
def test_run_again_until_it_ends(
    records: Path, undisturbed: tuple[dict[str, Any], float], folder: Path, seed: int, how: signal.Signals
) -> None:
    expected, seconds = undisturbed
    rng = random.Random(seed)
    log = folder / f"{how.name}-{seed}.db"
    times = 0
    while True:
        code, said = disturbed(log, records, rng, seconds, how)
        # An object of a library that was not whole yet may complain as it goes: Python says so, not the program.
        assert "Traceback" not in said.split("Exception ignored in")[0]
        if code == 0 or is_finished(log):
            break
        assert code == (KILLED if how == signal.SIGKILL else STOPPED), said
        times += 1
        assert how == signal.SIGKILL or "guanxi: stopped" in said
    found = answers(log)
    for name, value in expected.items():
        assert found[name] == value, f"{name}, after {times} times"
    check_sequences(found)
    check_readable(log)
    for file in folder.glob(f"{log.name}*"):
        file.unlink()

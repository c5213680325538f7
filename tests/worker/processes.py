"""Workers as processes of their own, forked from one that has loaded Faust, which takes longer than many a test."""

import logging
import multiprocessing
import os
import signal
import sys
import uuid
from multiprocessing.process import BaseProcess
from pathlib import Path

from aggregates import closing
from guanxi.cli.worker import tell_on_stderr
from guanxi.settings import Settings
from guanxi.worker import run_worker
from infra import kafka_input, postgres_together
from infra.master_key import MASTER_VARIABLE
from processors import closing_days, keeper, slot, taking
from tests.patience import PATIENCE_S, until

SESSION_S = 6
"""The least that a broker allows."""
_MADE = multiprocessing.get_context("forkserver")
_MADE.set_forkserver_preload(["guanxi.worker"])


class Worker:
    """A worker that runs. said: what it wrote to stderr so far.

    customers_a_step: of a close, which may be cut behind so many, its blocks written one by one; lines_held: views are written
    when they are behind by so many lines and at no other time; more: what else ``run_worker`` takes.
    """

    def __init__(self, url: str, kafka: str, data: Path, prefix: str, policy: Path | None, **more: int) -> None:
        self._data, self._said = data, data / f"said-{uuid.uuid4().hex}"
        data.mkdir(parents=True, exist_ok=True)
        words = (url, kafka, data, prefix, policy, self._said, more)
        self._process: BaseProcess = _MADE.Process(target=_run, args=words)
        self._process.start()
        self._most_mb = 0

    @property
    def said(self) -> str:
        return self._said.read_text() if self._said.exists() else ""

    def send(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    @property
    def most_mb(self) -> int:
        """The most memory that it had, as it was asked last while it ran."""
        status = Path(f"/proc/{self._process.pid}/status")
        if self._process.is_alive() and status.exists():
            lines = status.read_text().splitlines()
            self._most_mb = next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))
        return self._most_mb

    def stop(self) -> int | None:
        """End it in order -> its exit code."""
        if self._process.is_alive():
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
        return self.ended()

    def wait_for(self, words: str) -> None:
        """Wait until it says something."""
        until(lambda: words in self.said, lambda: self.said)

    @property
    def key(self) -> dict[str, str]:
        """The environment of a process on another machine that may read what this one wrote."""
        return {MASTER_VARIABLE: (self._data / "master.key").read_text().strip()}

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def ended(self, within_s: float = PATIENCE_S) -> int | None:
        """Its exit code, once it has one."""
        self._process.join(within_s)
        if self._process.is_alive():
            self.kill()
        return self._process.exitcode


def _run(
    url: str, kafka: str, data: Path, prefix: str, policy: Path | None, said: Path, more: dict[str, int]
) -> None:  # fmt: skip
    if (step := more.pop("customers_a_step", 0)) != 0:
        closing.CUSTOMERS_A_STEP, closing_days.CUT_AFTER_LINES = step, step // 2
        postgres_together.WAITS_S = 0.0  # type: ignore[misc]
    if (lines := more.pop("lines_held", None)) is not None:
        keeper.LINES_BETWEEN, keeper.LINES_PER_CUSTOMER = lines, 0  # type: ignore[misc]
        slot.SHOW_S = slot.SHOW_BEHIND_S = taking.CHECKPOINT_S = 2 * PATIENCE_S  # type: ignore[misc]
    kafka_input.CONNECT_S = PATIENCE_S  # type: ignore[misc]  # a broker that is busy with other tests is not away
    sys.stderr = said.open("a", buffering=1)
    os.dup2(sys.stderr.fileno(), 2)
    tell_on_stderr()
    try:
        run_worker(
            Settings(log=url, policy=policy),
            kafka,
            data=data,
            say=logging.getLogger("guanxi").info,
            prefix=prefix,
            session_s=SESSION_S,
            **{"web_port": 0, **more},  # type: ignore[arg-type]
        )
    except Exception as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.exit(2)

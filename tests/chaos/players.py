"""The processes of a stream as a person starts them: workers and a relay, each with a log of what it says."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.patience import PATIENCE_S

PROJECT: Final = Path(os.environ.get("GUANXI_CHAOS_PROJECT") or Path(__file__).parents[2])
"""Whose programs are run: this project's; in an experiment, a copy of it in which something was broken."""
_DIE_WITH_PARENT: Final = "import ctypes; ctypes.CDLL(None).prctl(1, 9); " if sys.platform == "linux" else ""
"""A run that is killed leaves no worker behind that would try for ever."""
COMMAND: Final = (sys.executable, "-c", f"{_DIE_WITH_PARENT}from guanxi.cli import main; main()")
BYTECODE: Final = "bytecode"
STARTED: Final = "--- started"


def prepare(folder: Path, project: Path = PROJECT) -> None:
    """Compile the program, which pays where it is started more than a dozen times: no start of a player writes bytecode.

    Python takes half of a file of it, which a full disk leaves, for a whole one.
    """
    imports = "import guanxi.worker, guanxi.relay, guanxi.cli.worker, guanxi.cli.relay"
    environ = dict(os.environ)
    if environ.pop("PYTHONDONTWRITEBYTECODE", ""):  # not beside the sources, then
        (folder / BYTECODE).mkdir(exist_ok=True)
    environ |= _environ(folder, project)
    subprocess.run([sys.executable, "-c", imports], env=environ, check=True)


def _environ(folder: Path, project: Path) -> dict[str, str]:
    compiled = folder / BYTECODE
    return {"PYTHONPATH": str(project)} | ({"PYTHONPYCACHEPREFIX": str(compiled)} if compiled.exists() else {})


class Player:
    """A process of ours, started again under one name as often as it is killed. project: whose program, when it starts next."""

    def __init__(self, name: str, folder: Path, *words: str, project: Path = PROJECT) -> None:
        self.name, self.words, self.project = name, words, project
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.runs:
            return
        environ = {**os.environ, **_environ(self._folder, self.project), "PYTHONDONTWRITEBYTECODE": "1"}
        with self.log.open("ab") as said:
            said.write(f"{STARTED}\n".encode())
            said.flush()
            self._process = subprocess.Popen(
                [*COMMAND, *self.words],
                env=environ,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def tell(self, what: signal.Signals) -> None:
        """Send a signal; nothing where it has ended."""
        if self._process is not None and self.runs:
            self._process.send_signal(what)

    def kill(self) -> None:
        """End it without a word."""
        self.tell(signal.SIGKILL)
        self._wait()

    def stop(self) -> int | None:
        """Ask it to end and see that it does -> its exit code."""
        self.tell(signal.SIGCONT)
        self.tell(signal.SIGTERM)
        return self._wait()

    def ended(self) -> int | None:
        """Wait until it has ended by itself -> its exit code."""
        return self._wait()

    def _wait(self) -> int | None:
        if self._process is None:
            return None
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise TimeoutError(
                f"{self.name} did not end within {PATIENCE_S} s: {self.log}\n{self.last_words()}"
            ) from None

    def said(self) -> list[str]:
        """What it said since it was started last, whole lines."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        lines = text.split("\n")[:-1]  # the last one may be half written
        starts = [at for at, line in enumerate(lines) if line == STARTED]
        return lines[starts[-1] + 1 :] if starts else []

    def last_words(self, lines: int = 5) -> str:
        """The end of what it said."""
        said = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        return "\n".join(f"    {self.name}: {line}" for line in said[-lines:])

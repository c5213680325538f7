"""A process in the background: its pid file, whether it still lives, how it is ended.

A pid alone proves nothing: after a restart of the machine it may be anybody's. The file keeps the moment the process
began beside it, and only a process with both is taken for ours.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

TICK_S: Final = 0.05
GRACE_S: Final = 20
"""A process that was told to end is killed after so long."""

_PROC: Final = Path("/proc")
"""Where Linux tells of processes; elsewhere `ps` does."""

_children: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""What this process has started: waited for when it is found ended, so that none stays behind as a zombie."""


class Running(msgspec.Struct, frozen=True):
    """A process that was started: what its pid file holds. port: where it listens."""

    pid: int
    began: str
    port: int


def began(pid: int) -> str | None:
    """The moment a living process began, as the system writes it; None if there is no such process."""
    moment = _moment(pid)
    if moment is None and (child := _children.pop(pid, None)) is not None:
        child.wait()
    return moment


def _moment(pid: int) -> str | None:
    if _PROC.is_dir():
        try:
            # The name, in parentheses, may hold anything: fields are counted from its end. 0 is the state, 19 the start.
            fields = (_PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    asked = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, start = asked.stdout.strip().partition(" ")
    return start.strip() if start and not state.startswith("Z") else None


def recorded(pid_file: Path) -> Running | None:
    """What a pid file says; None where there is none, or half of one."""
    try:
        return msgspec.json.decode(pid_file.read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def lives(running: Running) -> bool:
    """Whether this very process is there."""
    return began(running.pid) == running.began


def start(command: Sequence[str | Path], folder: Path, log: Path, pid_file: Path, port: int) -> Running:
    """Start a process that outlives this one and is not ended by Ctrl-C here; what it prints is added to a log.

    The pid file is there when this returns; its folder has to be. Raises OSError.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, start_new_session=True,
        )  # fmt: skip
    _children[child.pid] = child
    running = Running(child.pid, began(child.pid) or "", port)
    try:
        new = pid_file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(running))
        new.replace(pid_file)
    except OSError:
        child.kill()
        raise
    return running


def end(running: Running, gently: signal.Signals, grace_s: float = GRACE_S) -> None:
    """End a process and return when it is gone: told first, killed when it takes too long."""
    if _gone(running, gently, grace_s):
        return
    while not _gone(running, signal.SIGKILL, grace_s):
        continue


def _gone(running: Running, told: signal.Signals, within_s: float) -> bool:
    until = time.monotonic() + within_s
    if lives(running):
        try:
            os.kill(running.pid, told)
        except ProcessLookupError:
            return True
    while lives(running):
        if time.monotonic() > until:
            return False
        time.sleep(TICK_S)
    return True


def is_free(port: int) -> bool:
    """Whether a port of the loopback can be listened on."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def said_since(log: Path, beginning_at: int) -> str:
    """What a log says from a byte on; nothing where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(beginning_at)
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def last_words(log: Path, beginning_at: int = 0) -> str:
    """The last line of a log that says what went wrong, or the last at all, looked for from a byte on."""
    lines = [line.strip() for line in said_since(log, beginning_at).splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in ("FATAL", "ERROR", "Exception", "No space"))]
    return (telling or lines or ["it said nothing"])[-1]

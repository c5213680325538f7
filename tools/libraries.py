"""The libraries of a lock into a virtual environment, each file checked by its hash.

    python tools/libraries.py .venv requirements.lock    makes .venv if there is none, adds what it does not hold yet
    python tools/libraries.py .venv                      puts this project in, so that changes of its files count at once

Run by a bare Python before anything is installed: standard library only. pip spends most of its time reading which
versions there are, so several pips fetch a part of the lock each; one installs. A lock names every library there is, so
nothing is resolved (--no-deps). Bytecode is left to the first import (--no-compile).
"""

import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

FETCHING: Final = 3
"""So many pips fetch at a time: two cores, and one that waits for the network."""
_ENTRY = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_PINNED = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)")


class Failed(Exception):
    """A step failed; says what it printed."""


def entries(lock: str) -> list[str]:
    """The libraries of a lock, each with its hashes."""
    return [entry for entry in _ENTRY.split(lock) if _PINNED.match(entry)]


def missing(wanted: Iterable[str], held: dict[str, str]) -> list[str]:
    """The entries whose version is not among those held, by `plain` name."""
    found = ((entry, _PINNED.match(entry)) for entry in wanted)
    return [entry for entry, pin in found if pin and held.get(plain(pin["name"])) != pin["version"]]


def dealt(wanted: Sequence[str], hands: int) -> list[str]:
    """The entries dealt out to at most so many locks, none of them empty."""
    return ["".join(wanted[at::hands]) for at in range(min(hands, len(wanted)))]


def plain(name: str) -> str:
    """A library's name as all spellings of it agree."""
    return re.sub(r"[-_.]+", "-", name).lower()


def held_in(environment: Path) -> dict[str, str]:
    """Versions of what is installed in an environment, by ``plain`` name."""
    places = [str(place) for place in environment.glob("lib/python*/site-packages")]
    return {plain(found.metadata["Name"]): found.version for found in distributions(path=places)}


def new_environment(environment: Path) -> None:
    """Make an environment; with a pip of its own only where this Python has none that works for another one's."""
    _run(sys.executable, "-m", "venv", "--without-pip", environment)
    try:
        _run(*_pip(environment), "--version")
    except Failed:
        _run(sys.executable, "-m", "venv", environment)


def install(environment: Path, wanted: Sequence[str]) -> None:
    """Fetch and install the entries of a lock. Raises Failed, with nothing installed unless all could be fetched."""
    told = _Told(len(wanted))
    with tempfile.TemporaryDirectory(prefix="guanxi-libraries-") as folder:
        place = Path(folder)

        def fetch(at: int, part: str) -> None:
            lock = _written(place / f"{at}.lock", part)
            command = ("download", "--no-deps", "--require-hashes", "--dest", place / "files", "--requirement", lock)
            _run(*_pip(environment), *command, told=told)

        with ThreadPoolExecutor(FETCHING) as pool:
            for done in [pool.submit(fetch, at, part) for at, part in enumerate(dealt(wanted, FETCHING))]:
                done.result()
        lock = _written(place / "all.lock", "".join(wanted))
        told.say("installing")
        _run(
            *_pip(environment), "install", "--no-deps", "--no-compile", "--require-hashes",
            "--no-index", "--find-links", place / "files", "--requirement", lock,
        )  # fmt: skip
        told.say("")


def install_project(environment: Path) -> None:
    """Put the project of the present folder into an environment as it stands there. Raises Failed."""
    _run(*_pip(environment), "install", "--no-deps", "--no-build-isolation", "--editable", ".")


class _Told:
    """A line on a terminal that says how many libraries are here."""

    def __init__(self, whole: int) -> None:
        self._whole, self._seen, self._lock = whole, 0, threading.Lock()

    def line(self, printed: str) -> None:
        if printed.startswith("Collecting "):
            with self._lock:
                self._seen += 1
                self.say(f"{self._seen} of {self._whole}")

    def say(self, what: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{'  libraries: ' if what else ''}{what}")
            sys.stderr.flush()


def _pip(environment: Path) -> tuple[str | Path, ...]:
    """The pip that installs into an environment: its own, or that of the Python it was made from, whoever runs this."""
    python = environment / "bin" / "python"
    if (environment / "bin" / "pip").exists():
        return (python, "-m", "pip", "--disable-pip-version-check")
    made_from = re.search(r"^executable = (.+)$", (environment / "pyvenv.cfg").read_text("utf-8"), re.MULTILINE)
    base = made_from[1].strip() if made_from else sys.executable
    return (base, "-m", "pip", "--python", python, "--disable-pip-version-check")


def _run(*command: str | Path, told: _Told | None = None) -> None:
    process = subprocess.Popen(list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    printed = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            printed.append(line)
            if told is not None:
                told.line(line)
    if process.returncode:
        raise Failed("".join(printed[-20:]))


def _written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def main(arguments: Sequence[str]) -> int:
    """-> the exit code."""
    environment = Path(arguments[0])
    try:
        if len(arguments) == 1:
            install_project(environment)
        else:
            if not environment.exists():
                new_environment(environment)
            wanted = missing(entries(Path(arguments[1]).read_text("utf-8")), held_in(environment))
            install(environment, wanted)
    except Failed as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

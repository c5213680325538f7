"""Documentation that works: every shell block of README.md and docs/ runs, and every link leads somewhere.

A page is a session: its blocks run in order in one temporary folder; environment, functions and folder are carried from
one command to the next, with the project's own commands first on the path. In a ``console`` block lines after ``$ ``
are commands (``> `` continues one) and the lines below, if any, are what it prints; ``…`` stands for any text, also over
several lines. ``bash`` and ``sh`` blocks run whole, without comparison. A command that fails fails the page; one that is meant
to fail says so: ``$ guanxi tiers --nonsense || echo "exit $?"``.

A block in another language below a line that ends in "`path`:" writes or changes that file (``tools.checks.page_files``).
A page that says ``<!-- in a copy of the project -->`` is run in one, whose code the project's commands then use.

``<!-- not run: reason -->`` on the line before a block leaves it out; only for commands that set up (git, make, cd).
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.checks import page_files
from tools.checks.findings import Finding, files, tell

TIMEOUT_S = 600
_FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,})\s*(?P<language>[\w-]*)")
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>\S.*?) -->\s*\Z")
_COPY = re.compile(r"^<!-- in a copy of the project -->$", re.MULTILINE)
_SHELLS = ("console", "bash", "sh")
_SET_UP = frozenset({"git", "make", "cd"})
_ASSIGNED = re.compile(r"[A-Z_]+=")
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^()\s]+(?:\([^()\s]*\))?)(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"`[^`]*`")


class Block(NamedTuple):
    """A fenced block: the line of its first line of content, its language, its lines, why it is not run, its file."""

    line: int
    language: str
    lines: list[str]
    not_run: str | None
    file: str | None

    @property
    def is_shell(self) -> bool:
        """Whether its lines are commands."""
        return self.language in _SHELLS


class Step(NamedTuple):
    """One command of a page with what it should print (None: anything)."""

    line: int
    command: str
    prints: str | None


def blocks(text: str) -> Iterator[Block]:
    """Every fenced block of a page, in order."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        at += 1
        if not fence:
            continue
        start, indent, ticks = at, len(fence["indent"]), fence["ticks"]
        while at < len(lines) and lines[at].strip() != ticks:
            at += 1
        before = lines[start - 2] if start >= 2 else ""
        marker = _NOT_RUN.search(before)
        file = page_files.named(before or (lines[start - 3] if start >= 3 else ""))
        content = [line[indent:] if not line[:indent].strip() else line for line in lines[start:at]]
        yield Block(start + 1, fence["language"], content, marker["reason"] if marker else None, file)
        at += 1


def steps(block: Block) -> list[Step]:
    """The commands of a shell block."""
    if block.language != "console":
        return [Step(block.line, "\n".join(block.lines), None)]
    found: list[Step] = []
    printed: list[str] = []
    for offset, line in enumerate([*block.lines, "$ "]):
        if line.startswith("$ "):
            if found:
                expected = "\n".join(printed).strip("\n")
                found[-1] = found[-1]._replace(prints=expected or None)
            found.append(Step(block.line + offset, line[2:], None))
            printed = []
        elif line.startswith("> ") and found and not printed:
            found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line[2:]}")
        else:
            printed.append(line)
    return found[:-1]


def same(expected: str, printed: str) -> bool:
    """Whether a text is what was expected, `…` standing for anything and spaces at line ends for nothing."""
    parts = [re.escape(part) for part in _trimmed(expected).split("…")]
    return re.fullmatch(".*?".join(parts), _trimmed(printed), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


class Session:
    """A shell whose folder, environment and functions last from one command to the next, as in a reader's terminal."""

    def __init__(self, folder: Path, commands: Path, project: Path | None = None) -> None:
        """project: begin in a copy of it."""
        self._home = folder / "page"
        self._home.mkdir()
        if project is not None:
            _copy(project, self._home)
        self._state = folder / "state"
        self._state.write_text(f"cd {shlex.quote(str(self._home))}\n")
        self._output = folder / "output"
        self._groups: list[int] = []
        kept = {name: os.environ[name] for name in ("HOME", "TMPDIR", "USER") if name in os.environ}
        self._environment = kept | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "LANG": "C.UTF-8"}
        if project:
            self._environment["PYTHONPATH"] = str(self._home)

    def run(self, command: str, timeout_s: int = TIMEOUT_S) -> tuple[int | None, str]:
        """Run a command -> (exit code, or None when it took too long; what it printed on both streams)."""
        state = shlex.quote(str(self._state))
        keep = f"""trap '{{ export -p; declare -f; printf "cd %q\\n" "$PWD"; }} > {state}' EXIT"""
        script = f"source {state}\n{keep}\nset -eo pipefail\n{command}\n"
        # A file, not a pipe: what a page starts in the background may keep it open.
        with self._output.open("wb") as output:
            process = subprocess.Popen(
                ["bash", "-c", script],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=self._environment, start_new_session=True,
            )  # fmt: skip
            self._groups.append(process.pid)
            try:
                code: int | None = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                code = None
        return code, self._output.read_text("utf-8", errors="replace")

    def put(self, block: Block) -> None:
        """Write or change the file of a block, below the page's present folder. Raises Unfit."""
        _, printed = self.run("pwd")
        page_files.put(Path(printed.rstrip("\n")), str(block.file), block.language, block.lines)

    def close(self) -> None:
        """End what the page left running."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _copy(project: Path, to: Path) -> None:
    for path in files(project):
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(project / path, to / path)


def _refused_marker(block: Block) -> str | None:
    commands = [step.command for step in steps(block)] if block.language == "console" else block.lines
    for command in commands:
        words = [word for word in command.split() if not _ASSIGNED.match(word)]
        if words and not words[0].startswith("#") and words[0] not in _SET_UP:
            return f"`{words[0]}` is not a set-up command, so the block must run"
    return None


def run_page(path: Path, text: str, commands: Path, timeout_s: int = TIMEOUT_S) -> Iterator[Finding]:
    """Run the blocks of a page; stops at the first that fails, as later ones build on it. The project: where we are."""
    with tempfile.TemporaryDirectory(prefix="docs-", ignore_cleanup_errors=True) as folder:
        session = Session(Path(folder), commands, Path.cwd() if _COPY.search(text) else None)
        try:
            for block in blocks(text):
                if not block.is_shell:
                    if block.file is not None:
                        session.put(block)
                    continue
                if block.not_run is not None:
                    if why := _refused_marker(block):
                        yield Finding(path, block.line, why)
                    continue
                for step in steps(block):
                    code, printed = session.run(step.command, timeout_s)
                    if code != 0:
                        what = f"took longer than {timeout_s} s" if code is None else f"exit {code}"
                        yield Finding(path, step.line, f"{what}: {step.command}\n{_quoted(printed)}")
                        return
                    if step.prints is not None and not same(step.prints, printed):
                        yield Finding(path, step.line, f"prints something else: {step.command}\n{_quoted(printed)}")
        except page_files.Unfit as unfit:
            yield Finding(path, block.line, str(unfit))
        finally:
            session.close()


def _quoted(printed: str) -> str:
    shown = printed.strip("\n").splitlines()
    return "\n".join(f"    {line}" for line in shown[-40:])


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """Lines outside fenced blocks, code spans blanked."""
    ticks: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        fence = _FENCE.match(line)
        if ticks is None and fence:
            ticks = fence["ticks"]
        elif ticks is None:
            yield number, _CODE.sub("``", line)
        elif line.strip() == ticks:
            ticks = None


def anchors(text: str) -> set[str]:
    """The anchors that the headings of a page make, as code hosts build them."""
    found: set[str] = set()
    for _, line in _prose_with_code(text):
        if heading := re.match(r"#{1,6}\s+(.*?)\s*#*\Z", line):
            plain = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
            name, count = plain, 0
            while name in found:
                count += 1
                name = f"{plain}-{count}"
            found.add(name)
    return found


def _prose_with_code(text: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()
    for number, _ in _prose(text):
        yield number, lines[number - 1]


def broken_links(root: Path, path: Path, text: str) -> Iterator[Finding]:
    """Relative links of a page whose file or heading is not there."""
    for number, line in _prose(text):
        for match in _LINK.finditer(line):
            target, _, anchor = match["target"].partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            aim = (root / path).parent / target if target else root / path
            if not aim.exists():
                yield Finding(path, number, f"no such file: {match['target']}")
            elif anchor and aim.suffix == ".md" and anchor not in anchors(aim.read_text("utf-8")):
                yield Finding(path, number, f"no such heading: {match['target']}")


def main(root: Path, wanted: list[str]) -> int:
    """Check the pages named, or all; the commands are those of the project's own environment."""
    commands = Path(sys.executable).parent
    pages = [path for path in files(root, ".md") if not wanted or str(path) in wanted]
    found: list[Finding] = []
    for path in pages:
        text = (root / path).read_text("utf-8")
        found.extend(broken_links(root, path, text))
        if path == Path("README.md") or path.parts[0] == "docs":
            found.extend(run_page(path, text, commands))
    return tell("docs", found, len(pages))


if __name__ == "__main__":
    sys.exit(main(Path.cwd(), sys.argv[1:]))

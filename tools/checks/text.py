"""Rules for every text of the tree: no file too long, and none that speaks of a place the reader does not have."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.checks.findings import Finding, files, tell

LONGEST_LINES = 500
"""A longer Python file holds two subjects."""


class Foreign(NamedTuple):
    """A way of speaking of something outside the project, and the folders where it is allowed."""

    pattern: re.Pattern[str]
    why: str
    allowed_in: tuple[str, ...] = ()


# The patterns are spelt so that they do not match themselves.
FOREIGN = (
    Foreign(
        re.compile(r"\.\./share[d]\b"),
        "a folder beside the project: only tests and benchmarks may look for it",
        ("tests", "benchmarks"),
    ),
    Foreign(re.compile(r"\b[Ii]ssue [#]?\d+\b"), "a ticket number: say what it said"),
    Foreign(
        re.compile(r"(?<![\w.\-/~])/(?:wor[k]|roo[t]|hom[e]/\w+|User[s]/\w+|tm[p]/[a-z0-9]+)/"),
        "a path of one machine",
    ),
)
_GENERATED = frozenset({"requirements.lock", "requirements-dev.lock"})


def _long(path: Path, text: str) -> Iterator[Finding]:
    lines = text.count("\n")
    if path.suffix == ".py" and lines > LONGEST_LINES:
        yield Finding(path, lines, f"{lines} lines, at most {LONGEST_LINES}: two subjects in one file?")


def _foreign(path: Path, text: str) -> Iterator[Finding]:
    for rule in FOREIGN:
        if path.parts[0] in rule.allowed_in:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            if match := rule.pattern.search(line):
                yield Finding(path, number, f"{match.group().strip()}: {rule.why}")


def findings_in(path: Path, text: str) -> Iterator[Finding]:
    """Every break of these rules in one file; `path` is relative to the root."""
    yield from _long(path, text)
    yield from _foreign(path, text)


def findings(root: Path) -> tuple[list[Finding], int]:
    """All breaks under `root`, and how many files were looked at; binary files are left out."""
    found: list[Finding] = []
    looked_at = 0
    for path in files(root):
        content = (root / path).read_bytes()
        if path.name in _GENERATED or b"\0" in content:
            continue
        looked_at += 1
        found.extend(findings_in(path, content.decode("utf-8")))
    return sorted(found), looked_at


if __name__ == "__main__":
    sys.exit(tell("text", *findings(Path.cwd())))

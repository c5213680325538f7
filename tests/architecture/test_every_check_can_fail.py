"""Each line of `make check` is green on a clean tree and red when its rule is broken once."""

import re

import pytest

from tests.architecture.conftest import ROOT, Tree

BROKEN = {
    "check-format": ("events/a.py", '"""A module."""\n\nx = {  "a":1 }\n', "a.py"),
    "check-lint": ("infra/a.py", '"""A module."""\n\nprint("hello")\n', "T201"),
    "check-types": ("guanxi/a.py", '"""A module."""\n\n\ndef f(x):\n    return x\n', "no-untyped-def"),
    "check-imports": ("events/a.py", '"""A module."""\n\nimport aggregates as a\n\n__all__ = ["a"]\n', "BROKEN"),
    "check-bans": ("processors/a.py", '"""A module."""\n\nimport time\n\nSTART = time.monotonic()\n', "a clock"),
    "check-text": ("docs/a.md", "See " + "issue" + " 12.\n", "ticket number"),
    "check-docs": ("docs/a.md", "# A\n\n```bash\nfalse\n```\n", "exit 1"),
    "test": ("tests/test_a.py", "def test_a() -> None:\n    assert 1 + 1 == 3\n", "1 failed"),
}
ELSEWHERE = {"check-generated", "check-coverage"}
"""Proven beside what it checks, or below."""


@pytest.mark.parametrize("target", BROKEN)
def test_green_when_clean_red_when_broken(tree: Tree, target: str) -> None:
    clean = tree.make(target)
    assert clean.returncode == 0, clean.stdout + clean.stderr

    name, text, word = BROKEN[target]
    tree.write(name, text)
    broken = tree.make(target)
    assert broken.returncode != 0
    assert word in broken.stdout + broken.stderr


def test_a_rule_with_a_branch_that_no_test_takes_is_told(tree: Tree) -> None:
    tree.root.joinpath(".venv").mkdir()
    tree.write("aggregates/a.py", "def sign(n: int) -> int:\n    if n < 0:\n        return -1\n    return 1\n")
    tree.write("tests/test_a.py", "from aggregates.a import sign\n\n\ndef test_a() -> None:\n    assert sign(1) == 1\n")
    told = tree.make("check-coverage", "RULES=tests")
    assert told.returncode != 0
    assert re.search(r"aggregates/a\.py .* 2->3|aggregates/a\.py .* 3", told.stdout), told.stdout + told.stderr
    tree.write(
        "tests/test_b.py", "from aggregates.a import sign\n\n\ndef test_b() -> None:\n    assert sign(-1) == -1\n"
    )
    passed = tree.make("check-coverage", "RULES=tests")
    assert passed.returncode == 0, passed.stdout + passed.stderr


def test_make_check_runs_these_and_no_other() -> None:
    line = re.search(r"^check: (.*?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert line is not None
    assert set(line[1].split()) == BROKEN.keys() | ELSEWHERE


@pytest.mark.parametrize(
    ("module", "imports"),
    [
        ("events.a", "processors"),
        ("aggregates.a", "projections"),
        ("processors.a", "infra"),
        ("processors.a", "projections"),
        ("projections.a", "processors"),
        ("infra.a", "guanxi"),
        ("events.a", "sqlite3"),
        ("aggregates.a", "os.path"),
        ("aggregates.a", "random"),
        ("events.a", "zstandard"),
        ("aggregates.a", "eventsourcing.persistence"),
    ],
)
def test_imports_against_the_direction_are_refused(tree: Tree, module: str, imports: str) -> None:
    tree.write(module.replace(".", "/") + ".py", f'"""A module."""\n\nimport {imports}\n')
    refused = tree.make("check-imports")
    assert refused.returncode != 0
    assert module in refused.stdout


@pytest.mark.parametrize("imports", ["infra", "processors", "projections", "aggregates", "events", "sqlite3", "time"])
def test_imports_along_the_direction_pass(tree: Tree, imports: str) -> None:
    tree.write("guanxi/a.py", f'"""A module."""\n\nimport {imports}\n')
    passed = tree.make("check-imports")
    assert passed.returncode == 0, passed.stdout


def test_the_server_runs_the_same_checks() -> None:
    server = ROOT / ".ci" / "run"
    assert server.stat().st_mode & 0o111
    assert "exec make check" in server.read_text()

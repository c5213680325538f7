from pathlib import Path

import pytest

from tests.architecture.conftest import Tree
from tools.checks import text

BESIDE = "../" + "shared"


def says(path: str, content: str) -> list[str]:
    return [finding.says for finding in text.findings_in(Path(path), content)]


def test_a_python_file_of_501_lines_is_too_long() -> None:
    assert says("infra/a.py", "x\n" * 501)
    assert not says("infra/a.py", "x\n" * 500)
    assert not says("docs/a.md", "x\n" * 501)


@pytest.mark.parametrize(
    "words",
    [
        f"see {BESIDE}/data",
        "as " + "issue" + " 7 asked",
        "Issue" + " #7",
        "cd /" + "root/x",
        "in '/" + "work/main'",
        "/" + "home/ann/x",
        "/" + "tmp/venv/bin",
    ],
)
def test_other_places_are_not_spoken_of(words: str) -> None:
    assert says("docs/a.md", words)


def test_tests_and_benchmarks_may_look_beside_the_project() -> None:
    assert not says("tests/a.py", BESIDE)
    assert not says("benchmarks/a.py", BESIDE)


@pytest.mark.parametrize(
    "words", ["an issue of 3 kinds", "network/root/x", "/tmp", "/home", "#123456", "https://a/work/b"]
)
def test_what_only_looks_alike_is_left_alone(words: str) -> None:
    assert not says("docs/a.md", words)


def test_new_files_are_looked_at_and_binary_ones_left_out(tree: Tree) -> None:
    before = text.findings(tree.root)[1]
    (tree.root / "a.bin").write_bytes(b"\0" + BESIDE.encode())
    tree.write("a.md", BESIDE)
    found, looked_at = text.findings(tree.root)
    assert [(finding.path, finding.line) for finding in found] == [(Path("a.md"), 1)]
    assert looked_at == before + 1

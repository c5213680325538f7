"""The check of the documentation itself: it runs what a page says and is not easily pleased."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tools.checks import docs

BIN = Path(sys.executable).parent


def run(page: str, timeout_s: int = PATIENCE_S) -> list[str]:
    return [str(finding) for finding in docs.run_page(Path("docs/a.md"), page, BIN, timeout_s)]


def console(*lines: str) -> str:
    return "# A page\n\n" + "\n".join(["```console", *lines, "```"]) + "\n"


def test_a_page_that_does_what_it_says_passes() -> None:
    assert not run(console("$ printf 'one\\ntwo\\n'", "one", "two", "$ true"))


def test_other_output_fails_and_says_what_came() -> None:
    (finding,) = run(console("$ true", "$ echo two", "one"))
    assert finding.startswith("docs/a.md:5: prints something else: echo two")
    assert "two" in finding


def test_a_command_that_fails_ends_the_page() -> None:
    (finding,) = run(console("$ echo no >&2; exit 3", "$ false"))
    assert finding.startswith("docs/a.md:4: exit 3")
    assert "no" in finding


def test_a_failing_line_in_the_middle_of_a_script_fails() -> None:
    assert run("```bash\nfalse\necho after\n```\n")
    assert run("```sh\nfalse | true\n```\n")
    assert not run("```bash\ntrue\necho after\n```\n")


def test_other_languages_are_not_run() -> None:
    assert not run("```python\nraise SystemExit(1)\n```\n\n```text\nfalse\n```\n")


def test_folder_environment_functions_and_files_last_for_the_page() -> None:
    page = console("$ mkdir -p 'a b' && cd 'a b' && export X='1 2' && echo kept > f")
    page += console('$ twice() { echo "$1" "$1"; }', "$ twice 'x  y'", "x  y x  y")
    page += "\n```bash\ntest \"$X\" = '1 2'\n```\n" + console("$ cat f", "kept", '$ basename "$PWD"', "a b")
    assert not run(page)


def test_each_page_starts_empty() -> None:
    assert not run(console("$ ls -A", "$ touch f"))
    assert not run(console('$ test -z "$(ls -A)"'))


def test_the_projects_commands_come_first() -> None:
    assert not run(console("$ command -v python", str(BIN / "python")))


def test_a_command_over_several_lines() -> None:
    assert not run(console("$ for x in a b; do", "> echo $x", "> done", "a", "b"))


def test_too_slow_is_a_failure() -> None:
    (finding,) = run(console("$ sleep 30"), timeout_s=1)
    assert "took longer than 1 s" in finding


def test_what_runs_in_the_background_ends_with_the_page(tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    assert not run(console(f"$ (sleep 2; touch '{mark}') &", "$ echo next", "next"))
    assert not run(console("$ sleep 3"))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("expected", "printed", "equal"),
    [
        ("a … c", "a b c", True),
        ("a\n…\nc", "a\nb\nb\nc", True),
        ("a …", "b c", False),
        ("a.c", "abc", False),
        ("a", "a\nb", False),
        ("a  \n", "\na", True),
    ],
)
def test_an_ellipsis_stands_for_anything_else_for_itself(expected: str, printed: str, equal: bool) -> None:
    assert docs.same(expected, printed) is equal


def test_setting_up_may_be_left_out_and_nothing_else() -> None:
    marker = "<!-- not run: the reader's own folder -->\n"
    assert not run(marker + "```console\n$ git clone nowhere x\n$ cd x && make setup\n```\n")
    (finding,) = run(marker + "```console\n$ guanxi tiers\n```\n")
    assert "not a set-up command" in finding
    assert run("<!-- not run: -->\n```bash\nmake nothing\n```\n"), "a marker without a reason counts for nothing"


def in_file(path: str, language: str, *lines: str) -> str:
    return "\n".join([f"\nIn `{path}`:\n", f"```{language}", *lines, "```", ""])


def test_a_block_below_a_path_is_written_to_that_file() -> None:
    page = in_file("a/b.toml", "toml", "x = 1", "", "y = 2") + console("$ cat a/b.toml", "x = 1", "", "y = 2")
    assert not run(page)
    assert not run(in_file("a", "text", "x").replace("In `a`:", "In `a`, say:") + console("$ test ! -e a"))


def test_files_are_written_where_the_page_has_gone() -> None:
    assert not run(console("$ mkdir deep && cd deep") + in_file("f", "text", "x") + console("$ cat ../deep/f", "x"))


def test_a_diff_changes_a_file() -> None:
    page = in_file("f.py", "python", "a = 1", "", "b = 2", "c = 3")
    page += in_file("f.py", "diff", " a = 1", "+aa = 1", "", "@@", "-b = 2", "+b = 3", " c = 3")
    assert not run(page + console("$ cat f.py", "a = 1", "aa = 1", "", "b = 3", "c = 3"))


@pytest.mark.parametrize(
    ("diff", "says"),
    [
        ((" z = 0", "+y = 0"), "stands 0 times in f.py"),
        ((" a = 1", "+y = 0"), "stands 2 times in f.py"),
        (("-a = 1", " b = 2", " b = 2"), "stands 0 times in f.py"),
        (("+y = 0",), "stands 0 times in f.py"),
        (("- = 1", "+ = 2"), "stands 0 times in f.py"),
    ],
)
def test_a_diff_that_does_not_fit_ends_the_page(diff: tuple[str, ...], says: str) -> None:
    page = in_file("f.py", "python", "a = 1", "b = 2", "a = 1") + in_file("f.py", "diff", *diff) + console("$ false")
    (finding,) = run(page)
    assert says in finding


def test_a_diff_of_a_file_that_is_not_there_ends_the_page() -> None:
    (finding,) = run(in_file("f.py", "diff", "-a", "+b"))
    assert "no such file to change: f.py" in finding


def test_a_page_may_be_run_in_a_copy_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q", "."], check=True)
    Path("here").mkdir()
    Path("here/guanxi.py").write_text("NAME = 'the copy'\n")
    Path("guanxi.py").write_text("NAME = 'the original'\n")
    page = "<!-- in a copy of the project -->\n" + in_file(
        "guanxi.py", "diff", "-NAME = 'the original'", "+NAME = 'mine'"
    )
    page += console("$ cd here && python -c 'import sys; del sys.path[0]; import guanxi; print(guanxi.NAME)'", "mine")
    assert not run(page + console("$ cat guanxi.py", "NAME = 'the copy'"))
    assert Path("guanxi.py").read_text() == "NAME = 'the original'\n"


def test_links_lead_somewhere(tmp_path: Path) -> None:
    (tmp_path / "b.md").write_text("# Second page: `x`\n\n```sh\n# no heading\n```\n")
    page = "[1](b.md) [2](b.md#second-page-x) [3](https://example.org/x) [4](#here) `[5](c.md)`\n\n## Here\n"
    assert not list(docs.broken_links(tmp_path, Path("a.md"), _kept(tmp_path, page)))
    page = "[1](c.md)\n[2](b.md#no-heading)\n![3](b.png)\n[4](#there)\n"
    found = docs.broken_links(tmp_path, Path("a.md"), _kept(tmp_path, page))
    assert [finding.line for finding in found] == [1, 2, 3, 4]


def _kept(root: Path, page: str) -> str:
    (root / "a.md").write_text(page)
    return page

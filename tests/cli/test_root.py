"""The table of contents, help, and how runs end."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click
import pytest

from aggregates.policy import PolicyRefused
from guanxi.cli import main
from guanxi.cli.endings import KNOWN, ending
from guanxi.cli.root import COMMANDS, CONTENTS, cli
from guanxi.errors import FoundWrong, UserError
from guanxi.importers.berka import BerkaError
from guanxi.policy_file import PolicyError
from infra.cluster.trouble import ClusterTrouble
from infra.sqlite_log import LogUnusable
from infra.vault import VaultError
from processors import faults, inputs, ports, relay
from processors.ports import ViewsUnusable
from projections.moment import NothingKnown
from tests.cli.conftest import run

ROOT = Path(__file__).parents[2]


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its whole name."""
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        if isinstance(command, click.Group):
            for below, leaf in command.commands.items():
                yield f"{name} {below}", leaf
        else:
            yield name, command


LEAVES = dict(leaves())


def test_the_help_page_lists_every_command_under_a_heading() -> None:
    shown = run("--help").stdout
    for heading, group in CONTENTS.items():
        assert f"\n{heading}:\n" in shown
        for name, entry in group.items():
            assert re.search(rf"^  {name} +{re.escape(entry.does)}$", shown, re.M)


def test_the_help_page_fits_80_columns_with_one_line_a_command() -> None:
    shown = run("--help", env={"COLUMNS": "80"}).stdout
    assert max(map(len, shown.splitlines())) <= 80
    for name in COMMANDS:
        assert len(re.findall(rf"^  {name} .*\.$", shown, re.M)) == 1


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_explains_itself_and_takes_the_common_options(name: str) -> None:
    shown = run(*name.split(), "--help").stdout
    assert LEAVES[name].help
    for option in ("--log URL", "--policy FILE", "--format"):
        assert option in shown


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`guanxi {name}" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("variable", ["GUANXI_LOG", "GUANXI_POLICY", "GUANXI_KEY", "GUANXI_DEBUG"])
def test_every_setting_of_the_environment_is_in_the_readme(variable: str) -> None:
    assert f"`{variable}`" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("tiers", "--nonsense"),
        ("tiers", "extra"),
        ("ingest",),
        ("--format", "xml", "tiers"),
        ("simulate", "--days", "0"),
        ("simulate", "--start", "2025-02-02"),
        ("simulate", "--start", "2025-02"),
        ("simulate", "--start", "9999-01-01"),
    ],
)
def test_a_wrong_call_ends_with_one_line_and_code_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(r"guanxi: [^\n]+; see [^\n]+ --help\n", result.stderr)


def test_no_command_shows_the_help() -> None:
    result = run()
    assert result.exit_code == 2
    assert "For customer managers:" in result.output


@pytest.mark.parametrize("log", ["postgresql://bank/log", "bank.db"])
def test_a_log_that_cannot_be_is_a_wrong_call(log: str) -> None:
    result = run("tiers", "--log", log)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert result.stderr.startswith(f"guanxi: {log}: ")


class LogDamaged(Exception):
    pass


class OfItsKind(LogDamaged):
    pass


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (UserError("what", "where", "do this"), "where: what; do this", 2),
        (UserError("what"), "what", 2),
        (FoundWrong("what", "where"), "where: what", 1),
        (OfItsKind("block 3\nis torn"), "block 3 is torn", 1),
        (
            FileNotFoundError(2, "No such file", "x.db"),
            "x.db: No such file; check the name",
            2,
        ),
        (
            PermissionError(13, "Permission denied", "x.db"),
            "x.db: Permission denied; check its permissions, or run this as somebody who has them",
            2,
        ),
        (
            OSError(28, "No space left on device"),
            "standard output or a file: No space left on device; free some space, then run the same command again",
            2,
        ),
        (
            OSError(5, "Input/output error", "x.db"),
            "x.db: Input/output error; check the path, its permissions and the space left",
            2,
        ),
        (KeyError("x"), "KeyError: 'x'; a fault of this program, please report it (GUANXI_DEBUG=1 shows where)", 1),
    ],
)
def test_each_error_has_a_line_and_a_code(error: Exception, line: str, code: int) -> None:
    assert ending(error) == (line, code)


def test_the_errors_known_by_name_exist() -> None:
    known = (
        BerkaError, ClusterTrouble, LogUnusable, NothingKnown, PolicyError, PolicyRefused, VaultError, ViewsUnusable,
        faults.CannotPark, faults.CommandUnfit, ports.LogBusy, ports.LogDamaged, ports.LogNewer, ports.LostShard,
        inputs.InputsUnusable, inputs.Unfit, relay.Fenced, relay.LogRestored, relay.OutputAway, relay.OutputUnusable,
    )  # fmt: skip
    assert {error.__name__ for error in known} == set(KNOWN)


def test_a_fault_shows_its_trace_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("guanxi.cli.simulate.blocks", broken)
    result = run("simulate")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "ZeroDivisionError: boom" in result.stderr
    assert isinstance(run("simulate", env={"GUANXI_DEBUG": "1"}).exception, ZeroDivisionError)


def test_ctrl_c_while_the_program_is_being_loaded_ends_it_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("guanxi.cli.import_module", stopped)
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 130
    assert capsys.readouterr() == ("", "guanxi: stopped\n")


def test_nothing_is_loaded_before_ctrl_c_is_minded() -> None:
    loaded = "import sys; before = set(sys.modules); import guanxi.cli; print(*sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-Sc", loaded], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {name for name in found.stdout.split() if name.partition(".")[0] not in ("importlib", "warnings")}
    assert ours == {"guanxi", "guanxi.cli"}


def test_it_says_which_version_it_is() -> None:
    try:
        installed = version("guanxi")
    except PackageNotFoundError:
        installed = "(not installed)"
    assert run("--version").stdout == f"guanxi {installed}\n"

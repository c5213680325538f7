"""The generated reference: every command's help as it is printed, and the check for stale files can fail."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from events.catalog import RECORDS
from guanxi import command_reference, generated
from guanxi.cli.root import COMMANDS, cli


def every_command() -> Iterator[str]:
    """What stands before --help: nothing, each command, each command below a command."""
    yield ""
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        yield name
        if isinstance(command, click.Group):
            yield from (f"{name} {below}" for below in command.commands)


@pytest.mark.parametrize("name", list(every_command()))
def test_the_help_of_every_command_stands_in_the_reference_as_it_is_printed(name: str) -> None:
    columns = command_reference.COLUMNS
    shown = CliRunner().invoke(cli, [*name.split(), "--help"], prog_name="guanxi", terminal_width=columns).stdout
    page = (generated.REFERENCE / "commands.md").read_text("utf-8")
    assert f"## `{f'guanxi {name}'.strip()}`\n\n```text\n{shown}```\n" in page


def test_the_reference_has_no_command_that_there_is_not() -> None:
    assert [name for name, _ in command_reference.helps()] == [f"guanxi {name}".strip() for name in every_command()]


def test_the_check_finds_what_is_missing_changed_or_too_much(tmp_path: Path) -> None:
    def check() -> tuple[int, str]:
        result = CliRunner().invoke(generated.main, ["--check", "--folder", str(tmp_path)])
        return result.exit_code, result.output

    assert check()[0] == 1
    assert CliRunner().invoke(generated.main, ["--folder", str(tmp_path)]).exit_code == 0
    assert check() == (0, "")
    assert len(list((tmp_path / "schemas").iterdir())) == len(RECORDS)
    damages = {
        tmp_path / "commands.md": (tmp_path / "commands.md").read_text("utf-8").replace("--log URL", "--log FILE"),
        tmp_path / "records.md": (tmp_path / "records.md").read_text("utf-8").replace("Cash or", "Cash and"),
        tmp_path / "schemas" / "deposit.json": "{}",
        tmp_path / "schemas" / "gone.json": "{}",
        tmp_path / "gone.md": "# Gone\n",
    }
    for path, text in damages.items():
        path.write_text(text, "utf-8")
        code, said = check()
        assert code == 1
        assert [line for line in said.splitlines() if "stale" in line] == [f"stale: {path}"]
        assert CliRunner().invoke(generated.main, ["--folder", str(tmp_path)]).exit_code == 0
    (tmp_path / "schemas" / "reversal.json").unlink()
    assert f"stale: {tmp_path / 'schemas' / 'reversal.json'}" in check()[1]
    assert not (tmp_path / "schemas" / "gone.json").exists()


def test_the_files_of_the_project_are_fresh() -> None:
    assert generated.stale(generated.REFERENCE) == []

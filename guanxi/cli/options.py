"""Options of every command; they stand before the command or after it (CONTRACT §4)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import click
import msgspec

from guanxi.errors import UserError
from guanxi.settings import Settings, settings_from

Format = Literal["table", "jsonl", "csv"]
FORMATS: Final = ("table", "jsonl", "csv")

Function = TypeVar("Function", bound=Callable[..., Any])


class Asked(msgspec.Struct):
    """What the common options said: before the command first, after it last, so that the latter counts."""

    log: str | None = None
    policy: str | None = None
    format: Format | None = None

    def settings(self, *, policy: Path | None = None) -> Settings:
        """The settings of this run; policy: to take instead where none was asked for. Raises UserError."""
        found = settings_from(os.environ, log=self.log, policy=self.policy)
        return msgspec.structs.replace(found, policy=found.policy or policy)

    def on_postgres(self, why: str) -> Settings:
        """The settings of a run that needs a log on PostgreSQL. why: what is said where it is another one. Raises UserError."""
        found = self.settings()
        if not found.on_postgres:
            raise UserError(why, found.log_shown, "give --log postgresql://user@host:5432/database")
        return found

    def rows(self, *, is_terminal: bool) -> Format:
        """The format of rows: as asked, else a table on a terminal and JSON lines in a pipe."""
        return self.format or ("table" if is_terminal else "jsonl")


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None:
        setattr(ctx.ensure_object(Asked), str(param.name), value)


def common(function: Function) -> Function:
    """Add --log, --policy and --format to a command; it finds what they said in its context's ``Asked``."""
    for option in (
        click.option(
            "--format", type=click.Choice(FORMATS), expose_value=False, callback=_keep,
            help="Form of rows; default: table on a terminal, jsonl in a pipe.",
        ),
        click.option(
            "--policy", metavar="FILE", expose_value=False, callback=_keep,
            help="Policy file to take into the log; else GUANXI_POLICY.",
        ),
        click.option(
            "--log", metavar="URL", expose_value=False, callback=_keep,
            help="The log; else GUANXI_LOG, else sqlite:///guanxi.db.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


class Existing(click.Path):
    """The path of a file (``folder``: of a folder) that is there; what is wrong with another is told like any error.

    dash: - may stand for standard input.
    """

    def __init__(self, *, folder: bool = False, dash: bool = False) -> None:
        super().__init__(allow_dash=dash, path_type=Path)
        self._folder = folder

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Raises UserError."""
        path = Path(str(super().convert(value, param, ctx)))
        what = "folder" if self._folder else "file"
        if self.allow_dash and str(path) == "-":
            return path
        if not path.exists():
            raise UserError(f"no such {what}", str(path), "check the name")
        if path.is_dir() and not self._folder:
            raise UserError("a folder, not a file", str(path), "name a file in it")
        if not path.is_dir() and self._folder:
            raise UserError("a file, not a folder", str(path), "name the folder that it is in")
        return path


def say(line: str) -> None:
    """Tell the person at the terminal something that has to be known, on stderr."""
    click.echo(f"guanxi: {line}", err=True)

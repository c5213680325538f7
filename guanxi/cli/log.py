"""`guanxi log`: what the owner of a log on PostgreSQL does to it."""

from importlib import import_module

import click

from guanxi.bootstrap import needs_postgres
from guanxi.cli.options import Asked, common
from guanxi.errors import UserError
from guanxi.settings import Settings

DEFAULT_SHARDS = 64


@click.group("log")
@common
def command() -> None:
    """Make a log on PostgreSQL, or bring its tables up to date; as their owner, never as who writes.

    A log in a file needs neither.
    """


@command.command("create")
@click.option(
    "--shards",
    type=click.IntRange(1, 4_096),
    metavar="N",
    help=f"As many as the topics have partitions, fixed for ever; default: {DEFAULT_SHARDS}, or what it has.",
)
@click.option("--name", metavar="NAME", help="The log's own name; default: that of its schema.")
@click.option("--writer", metavar="ROLE", help="An existing role that is to read and append; may be said again later.")
@common
@click.pass_obj
def create(asked: Asked, shards: int | None, name: str | None, writer: str | None) -> None:
    """Make the tables of a log; harmless when they are there."""
    settings = _on_postgres(asked)
    schema = import_module("infra.postgres_schema")
    shards = shards or schema.shards_of(settings.log) or DEFAULT_SHARDS
    schema.create_log(settings.log, shards=shards, name=name, writer=writer)
    click.echo(f"{settings.log_shown}: a log of {shards} shard{'' if shards == 1 else 's'}")


@command.command("migrate")
@common
@click.pass_obj
def migrate(asked: Asked) -> None:
    """Bring the tables up to what this program knows, while others write; harmless when they are."""
    settings = _on_postgres(asked)
    done: list[str] = import_module("infra.postgres_schema").migrate(settings.log)
    click.echo(f"{settings.log_shown}: {', '.join(done) if done else 'nothing to do'}")


def _on_postgres(asked: Asked) -> Settings:
    settings = asked.settings()
    if not settings.on_postgres:
        raise UserError("a log in a file is made when it is first written", settings.log, "nothing has to be done")
    needs_postgres()
    return settings

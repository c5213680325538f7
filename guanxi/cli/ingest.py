"""`guanxi ingest`: records from files into the log."""

from pathlib import Path

import click

from guanxi.bootstrap import open_bank
from guanxi.cli.endings import FOUND_WRONG
from guanxi.cli.options import Asked, Existing, common, say
from guanxi.cli.progress import Running, summary


@click.command("ingest")
@click.argument("files", nargs=-1, required=True, type=Existing(dash=True))
@click.option("--strict", is_flag=True, help="Exit 1 if a record was refused.")
@common
@click.pass_obj
def command(asked: Asked, files: tuple[Path, ...], strict: bool) -> None:
    """Take records of all topics into the log, in file order; - is standard input.

    Each record is taken once, however often it comes; one that cannot be taken is refused by name and the next one
    goes on. Stopped or interrupted, run the same command again: it takes nothing twice.
    """
    with open_bank(asked.settings(), write=True, say=say) as bank, Running("ingest") as running:
        counts = bank.ingest([str(file) for file in files], running)
    click.echo(summary(counts.taken, counts.duplicate, counts.refused, running.seconds, counts.parked))
    if counts.parked:
        click.echo("guanxi parked says what failed", err=True)
    if counts.refused:
        click.echo("guanxi rejected says why", err=True)
        if strict:
            raise click.exceptions.Exit(FOUND_WRONG)
    if counts.parked:
        raise click.exceptions.Exit(FOUND_WRONG)

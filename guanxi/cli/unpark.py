"""`guanxi unpark`: a parked customer goes on."""

import click

from guanxi.bootstrap import open_known
from guanxi.cli.endings import FOUND_WRONG
from guanxi.cli.kafka import with_extras
from guanxi.cli.options import Asked, common, say
from guanxi.cli.progress import Running, summary


@click.command("unpark")
@click.argument("customer_id")
@common
@click.pass_obj
def command(asked: Asked, customer_id: str) -> None:
    """Take what waits of a parked customer, in order, as if it came now; do so once the program is mended.

    What the program still fails on is parked again with all that comes behind it, and the exit code is 1. On PostgreSQL
    the worker that owns the customer's shard is asked to.
    """
    settings = asked.settings()
    if settings.on_postgres:
        with with_extras("guanxi.owners").Owners(settings.log) as owners:
            done = owners.unpark(customer_id)
        click.echo(f"records {done.records:,}" + (f" · parked again {done.parked:,}" if done.parked else ""))
        _end(done.parked)
        return
    with open_known(settings, say=say) as bank, Running("unpark") as running:
        counts = bank.unpark(customer_id)
    click.echo(summary(counts.taken, counts.duplicate, counts.refused, running.seconds, counts.parked))
    _end(counts.parked)


def _end(parked: int) -> None:
    if parked:
        click.echo("guanxi parked says what failed", err=True)
        raise click.exceptions.Exit(FOUND_WRONG)

"""`guanxi position`: how far the log took the topics of Kafka, and where a shard reads on."""

import getpass

import click

from guanxi.cli.endings import FOUND_WRONG
from guanxi.cli.kafka import at_kafka, with_extras
from guanxi.cli.options import Asked, common


def _log_of(asked: Asked) -> str:
    return asked.on_postgres("a log on PostgreSQL alone has positions in Kafka").log


@click.group("position")
@common
def command() -> None:
    """Compare the positions in a log with Kafka, or read a partition on from elsewhere."""


@command.command("check")
@at_kafka
@common
@click.pass_obj
def check(asked: Asked, kafka: str) -> None:
    """Say of which partitions the broker no longer has what follows in the log; exit 1 if there is one.

    Told: a topic that was made again, records deleted before they were read, a broker that lost its end or is another. A
    worker reads nothing of such a partition and says the same.
    """
    count, found = with_extras("guanxi.positions").compare(_log_of(asked), kafka)
    for each in found:
        click.echo(str(each))
    if found:
        raise click.exceptions.Exit(FOUND_WRONG)
    click.echo(f"{count} partitions: the broker has what follows in the log")


@command.command("reset")
@at_kafka
@click.option("--topic", required=True, metavar="TOPIC", help="One of the topics of records.")
@click.option("--partition", required=True, type=click.IntRange(0), metavar="N", help="Which, from 0.")
@click.option("--to", required=True, metavar="OFFSET", help="earliest, latest, or the offset to be read next.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; kept in the log.")
@click.option("--by", default=getpass.getuser, metavar="NAME", help="Who decided; default: the user of this machine.")
@common
@click.pass_obj
def reset(asked: Asked, kafka: str, topic: str, partition: int, to: str, reason: str, by: str) -> None:
    """Have a partition read on from another offset. The worker that has it does so, and writes it into the log.

    Records that are read again are taken once, so reading from an earlier offset repairs; what lies between the old
    position and a later offset is not read.
    """
    done = with_extras("guanxi.positions").ask_reset(_log_of(asked), kafka, topic, partition, to, reason, by)
    wanted, found = done.reset, done.found
    skipped = ""
    if done.stood < wanted.to:
        skipped = f"; from {max(done.stood, found.begin)} to {wanted.to - 1} nothing is read"
    click.echo(
        f"{topic} {partition}: asked to read on from offset {wanted.to} (the log stands at {done.stood}, the broker has "
        f"{found.begin} to {found.end}){skipped}; command {done.number} of shard {partition}, done as soon as a worker has it"
    )

"""`guanxi relay`: what was decided and refused, from the log to Kafka."""

import asyncio
import signal
from typing import Any

import click

from guanxi.cli.kafka import at_kafka, with_extras
from guanxi.cli.options import Asked, common, say


@click.command("relay")
@at_kafka
@click.option(
    "--no-transactions", is_flag=True, help="For a Kafka without them: after a crash some messages come twice."
)
@click.option(
    "--accept-restored", is_flag=True,
    help="Publish shards from the beginning that are not as they were published: the log was restored from a copy.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="End when everything that is in the log is published.")
@common
@click.pass_obj
def command(asked: Asked, kafka: str, no_transactions: bool, accept_restored: bool, once: bool) -> None:
    """Publish tier changes, steps of triggers and refusals of a log on PostgreSQL, each exactly once, until stopped.

    One relay of a log is at work at a time; a second one waits and takes over when the first ends. Where it stands is kept
    in Kafka.
    """
    url = asked.on_postgres("the relay reads a log on PostgreSQL").log
    done = asyncio.run(
        run(
            url,
            kafka,
            transactions=not no_transactions,
            accept_restored=accept_restored,
            once=once,
            patient=not once,
            say=say,
        )
    )
    click.echo(
        f"published {done.tier_changes:,} tier changes · {done.trigger_steps:,} steps of triggers · "
        f"{done.refusals:,} refusals"
    )


async def run(log: str, kafka: str, **how: Any) -> Any:
    """Publish until it ends by itself or a signal says so -> what was published."""
    relay = with_extras("guanxi.relay").Relay(log, kafka, **how)
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await relay.start()
    ended, stopped = asyncio.create_task(relay.ended()), asyncio.create_task(told.wait())
    await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    await relay.stop()
    await ended
    return relay.published

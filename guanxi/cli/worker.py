"""`guanxi worker`: records from Kafka into the log."""

import logging
import os
import signal
import sys
from pathlib import Path

import click

from guanxi.cli import STOPPED
from guanxi.cli.kafka import at_kafka, with_extras
from guanxi.cli.options import Asked, common, say

WEB_PORT = 6066


@click.command("worker")
@at_kafka
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of what is derived from the log; default: guanxi/worker in your data folder (~/.local/share).",
)
@click.option(
    "--web-port",
    type=click.IntRange(0, 65_535),
    default=0,
    metavar="N",
    help="Port on this machine of a page that says how it is: /health; default: none.",
)
@click.option("--relay", is_flag=True, help="Publish what was decided, too: guanxi relay in the same process.")
@common
@click.pass_obj
def command(asked: Asked, kafka: str, data: Path | None, web_port: int, relay: bool) -> None:
    """Take the records of the topics into a log on PostgreSQL, until Ctrl-C.

    Any number may run, on any number of machines: Kafka gives each some of the partitions. One that ends or is killed
    loses nothing and takes nothing twice. A log that is not there is made, with as many shards as the topics have
    partitions.
    """
    settings = asked.on_postgres("the worker writes a log on PostgreSQL")
    tell_on_stderr()
    run_worker = with_extras("guanxi.worker").run_worker
    ended_by = run_worker(settings, kafka, data=data, web_port=web_port, say=say, relay=relay)
    say("stopped")
    if ended_by == signal.SIGINT:
        raise click.exceptions.Exit(STOPPED)


def tell_on_stderr() -> None:
    """What the worker meets, a line each with its time; of the libraries under it only what they cannot go on from."""
    logging.basicConfig(stream=sys.stderr, level=logging.CRITICAL, format="%(asctime)s guanxi: %(message)s")
    logging.getLogger("guanxi").setLevel(logging.DEBUG if os.environ.get("GUANXI_DEBUG") else logging.INFO)

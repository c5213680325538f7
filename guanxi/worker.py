"""Wires a worker: the shards of a log, the topics of a broker, and Faust around them."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import mode

from guanxi.reports import Say, now
from guanxi.settings import Settings
from guanxi.shards import Shards, make_log
from infra.kafka_input import KafkaInput
from processors.inputs import Unfit
from processors.taking import Taking
from processors.worker import make_app, page, run

TOPICS: Final = ("bank.transactions.v1", "bank.interactions.v1", "bank.customers.v1")
"""Topics of records, in the order in which a shard has its turns with them."""
WEB_HOST: Final = "127.0.0.1"


def run_worker(settings: Settings, kafka: str, *, data: Path | None, web_port: int, say: Say) -> int | None:
    """Take records until a signal ends it -> which one.

    Raises Unfit, InputsUnusable, and what opening the log raises.
    """
    member = f"guanxi-{socket.gethostname()}-{os.getpid()}"
    partitions = asyncio.run(KafkaInput(kafka, TOPICS, "", member).partitions())
    if all(partitions.values()):
        make_log(settings.log, min(partitions.values()), say=say)
    shards = Shards(settings, data=data, say=say)
    group = f"guanxi-{shards.identity.name}"
    app = make_app(group, kafka, shards.folder / "faust", WEB_HOST, web_port)

    def make(give_up: Callable[[Unfit], None]) -> list[mode.Service]:
        inputs = KafkaInput(kafka, TOPICS, group, member)
        taking = Taking(shards.identity.name, inputs, TOPICS, shards, now, give_up)
        page(app, "/health", taking.status)
        return [taking]

    return run(app, make)

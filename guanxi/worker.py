"""Wires a worker: the shards of a log, the topics of a broker, and Faust around them."""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import mode

from events.catalog import CALENDAR
from guanxi.relay import Relay
from guanxi.reports import Say, now
from guanxi.settings import Settings
from guanxi.shards import Shards, make_log
from infra.kafka_input import SESSION_S, KafkaInput
from processors.calendar_copy import CalendarCopy
from processors.handover import Handover
from processors.inputs import Unfit
from processors.taking import Taking
from processors.worker import make_app, page, run

TOPICS: Final = ("bank.transactions.v1", "bank.interactions.v1", "bank.customers.v1")
"""Topics of records, in the order in which a shard has its turns with them."""
WEB_HOST: Final = "127.0.0.1"
TURN_S: Final = 0.001
"""So long a thread that computes keeps the others of the process waiting: Python's own 5 ms are felt in the latency."""

logger = logging.getLogger("guanxi.relay")


def run_worker(
    settings: Settings,
    kafka: str,
    *,
    data: Path | None,
    web_port: int,
    say: Say,
    relay: bool = False,
    prefix: str = "",
    session_s: int = SESSION_S,
) -> int | None:
    """Take records until a signal ends it -> which one.

    relay: publish what is decided, too; prefix: stands before the topics' names on the broker; session_s:
    who is not heard of for so long has its shards given to others. Raises Unfit,
    InputsUnusable, and what opening the log raises.
    """
    sys.setswitchinterval(TURN_S)
    member = f"guanxi-{socket.gethostname()}-{os.getpid()}"
    partitions = asyncio.run(KafkaInput(kafka, TOPICS, "", member, prefix).partitions())
    if all(partitions.values()):
        make_log(settings.log, min(partitions.values()), say=say)
    shards = Shards(settings, data=data, say=say, together=True)
    name = shards.identity.name
    group = f"guanxi-{name}"
    app = make_app(group, kafka, shards.folder / "faust", WEB_HOST, web_port)

    def make(give_up: Callable[[Unfit], None]) -> list[mode.Service]:
        inputs = KafkaInput(kafka, TOPICS, group, member, prefix, session_s)
        taking = Taking(name, inputs, TOPICS, shards, now, give_up)
        calendar = CalendarCopy(kafka, name, [prefix + topic for topic in TOPICS], shards.count, prefix + CALENDAR)
        relaying = _Relaying(settings.log, kafka, shards.handover) if relay else None

        async def status() -> dict[str, Any]:
            found = await taking.status()
            found["calendar"] = {"copied": calendar.copied, "trouble": calendar.trouble}
            if relaying is not None:
                found["relay"] = relaying.status()
            return found

        page(app, "/health", status)
        return [taking, calendar, *([relaying] if relaying else [])]

    return run(app, make)


class _Relaying(mode.Service):
    """A relay inside of a worker; where it ends, because of another one or for good, records are taken all the same."""

    mundane_level = "debug"  # that it starts and stops is no news

    def __init__(self, log: str, kafka: str, handover: Handover) -> None:
        super().__init__()
        self._relay = Relay(log, kafka, patient=True, handover=handover, say=logger.info)
        self._ended = ""

    async def on_start(self) -> None:
        await self._relay.start()

    @mode.Service.task
    async def _watch(self) -> None:
        try:
            await self._relay.ended()
        except Exception as error:
            self._ended = " ".join(str(error).split()) or type(error).__name__
            logger.warning("the relay ended: %s", self._ended)

    async def on_stop(self) -> None:
        await self._relay.stop()

    def status(self) -> dict[str, Any]:
        """What it published, and what is in its way."""
        published = self._relay.published
        return {
            "tier_changes": published.tier_changes,
            "trigger_steps": published.trigger_steps,
            "refusals": published.refusals,
            "waits": published.waits,
            "trouble": self._ended or published.trouble or "",
        }

"""Wires a worker: the shards of a log, the topics of a broker, and Faust around them."""

import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import mode

from events.catalog import CALENDAR
from guanxi import policy_file
from guanxi.aside import Aside
from guanxi.relay import Relay
from guanxi.reports import Say, now
from guanxi.settings import Settings
from guanxi.shards import Shards, make_log
from infra.kafka_client import is_nowhere
from infra.kafka_input import SESSION_S, KafkaInput
from infra.postgres_schema import shards_of
from infra.postgres_session import address_of
from processors.beginning import Beginning
from processors.calendar_copy import CalendarCopy
from processors.handover import Handover
from processors.inputs import InputsUnusable, Unfit, missing_of
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
    """Take records until a signal ends it -> which one. What it needs and is not there yet it waits for.

    relay: publish what is decided, too; prefix: stands before the topics' names on the broker; session_s:
    who is not heard of for so long has its shards given to others. Raises Unfit, and what opening the log and the policy
    raises, but for LogAway.
    """
    sys.setswitchinterval(TURN_S)
    address = address_of(settings.log)  # what is wrong in itself is told before anything is waited for
    if settings.policy is not None:
        policy_file.load(settings.policy)
    member = f"guanxi-{socket.gethostname()}-{os.getpid()}"
    app = make_app("guanxi", kafka, WEB_HOST, web_port)
    aside = Aside("guanxi-start")

    def make(give_up: Callable[[Exception], None]) -> list[mode.Service]:
        running: list[_Running] = []

        async def services() -> Sequence[mode.Service]:
            partitions = await _partitions(KafkaInput(kafka, TOPICS, "", member, prefix), kafka)
            shards = await aside.run(lambda: _opened(settings, partitions, data, say))
            name = shards.identity.name
            inputs = KafkaInput(kafka, TOPICS, f"guanxi-{name}", member, prefix, session_s)
            topics = [prefix + topic for topic in TOPICS]
            running[:] = [
                _Running(
                    Taking(name, inputs, TOPICS, shards, now, give_up),
                    CalendarCopy(kafka, name, topics, shards.count, prefix + CALENDAR),
                    _Relaying(settings.log, kafka, shards.handover) if relay else None,
                )
            ]
            return [service for service in running[0] if service is not None]

        beginning = Beginning(services, give_up)

        async def status() -> dict[str, Any]:
            if not running:
                return {"log": address.shown, "trouble": beginning.waits_for, "shards": []}
            return await running[0].status()

        page(app, "/health", status)
        return [beginning]

    return run(app, make)


async def _partitions(inputs: KafkaInput, kafka: str) -> Mapping[str, int]:
    """How many partitions each topic has. Raises InputsUnusable, Unfit for an address that is nowhere."""
    try:
        found = await inputs.partitions()
    except InputsUnusable as unusable:
        if await is_nowhere(kafka):
            raise Unfit(f"Kafka {kafka}: there is no host of this name; give another --kafka") from unusable
        raise
    if missing := missing_of(found):
        raise InputsUnusable(f"Kafka {kafka}: {missing}")
    return found


def _opened(settings: Settings, partitions: Mapping[str, int], data: Path | None, say: Say) -> Shards:
    """The shards of the log, which is made if there is none. Raises Unfit, and what opening the log raises."""
    if shards_of(settings.log) is None:
        if len(set(partitions.values())) > 1:
            said = ", ".join(f"{topic} has {count}" for topic, count in partitions.items())
            raise Unfit(
                f"partitions: {said}, and all have to be the same; make the topics anew, and no log before that"
            )
        make_log(settings.log, min(partitions.values()), say=say)
    return Shards(settings, data=data, say=say, together=True)


class _Running(NamedTuple):
    """What runs once all that it needs is there."""

    taking: Taking
    calendar: CalendarCopy
    relaying: "_Relaying | None"

    async def status(self) -> dict[str, Any]:
        """Where all of it stands."""
        found = await self.taking.status()
        found["calendar"] = {"copied": self.calendar.copied, "trouble": self.calendar.trouble}
        if self.relaying is not None:
            found["relay"] = self.relaying.status()
        return found


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

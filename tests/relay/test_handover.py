"""A relay in the process of who writes: it gets blocks before they are written, and publishes what was written, once."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from guanxi import relay as running
from guanxi.relay import Relay
from infra.kafka_output import KafkaOutput
from infra.postgres_tail import PostgresTail
from infra.postgres_together import Together
from processors import handover as handing
from processors.handover import Handed, Handover
from processors.ports import Block, LogUnusable
from processors.relay import Reading
from tests.relay.conftest import Worlds
from tests.relay.world import World, ids, subscribed

SIX = [f"C1:{n}" for n in range(1, 7)]


def published(world: World, kafka: str, handover: Handover, work: Callable[[Relay], Awaitable[None]]) -> list[str]:
    """Run a relay that is handed blocks, and do something meanwhile -> the ids of what came out."""

    async def run() -> None:
        relay = Relay(world.url, kafka, handover=handover)
        await relay.start()
        await work(relay)
        await relay.stop()
        await relay.ended()

    asyncio.run(run())
    return ids(subscribed(kafka, world.name))


async def until(relay: Relay, changes: int) -> None:
    while relay.published.tier_changes < changes:
        await asyncio.sleep(0.01)


async def until_it_has_looked(relay: Relay) -> None:
    """From then on it is handed what comes."""
    while not relay._looked_at:
        await asyncio.sleep(0.01)


def test_what_is_handed_over_is_neither_waited_for_nor_read(
    worlds: Worlds, kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handover = Handover(2)
    world = worlds(shards=2, handover=handover)
    world.customers("C1")
    at_hand: list[bool] = []
    real = PostgresTail.blocks

    def blocks(self: PostgresTail, shard: int, *which: int) -> list[Block]:
        at_hand.append(shard in self._ahead)
        return real(self, shard, *which)

    monkeypatch.delattr(PostgresTail, "wait")
    monkeypatch.setattr(running, "LOOK_BUSY_SECONDS", 3600)

    async def work(relay: Relay) -> None:
        await until_it_has_looked(relay)
        monkeypatch.setattr(PostgresTail, "blocks", blocks)
        for number, _ in enumerate(world.months("C1"), 1):
            await until(relay, number)

    assert published(world, kafka_address, handover, work) == SIX
    assert at_hand == [True] * 6


@pytest.mark.parametrize("written", [False, True])
def test_nothing_is_published_before_it_is_known_to_be_in_the_log(
    written: bool, worlds: Worlds, kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sent already when the connection to the database is lost: then the log says whether it is there."""
    handover = Handover(1)
    world = worlds(handover=handover)
    world.customers("C1")
    sent, seen = threading.Event(), []
    insert, send = Together._insert, KafkaOutput._send

    async def sending(self: KafkaOutput, *what: Any) -> None:
        await send(self, *what)
        sent.set()

    def losing(self: Together, blocks: Any) -> None:
        assert sent.wait(20)
        seen.extend(ids(subscribed(kafka_address, world.name, committed=False)))
        if written:
            insert(self, blocks)
        raise LogUnusable("gone")

    async def work(relay: Relay) -> None:
        await until_it_has_looked(relay)
        monkeypatch.setattr(KafkaOutput, "_send", sending)
        monkeypatch.setattr(Together, "_insert", losing)
        with pytest.raises(LogUnusable):
            await asyncio.to_thread(next, world.months("C1"))
        assert seen == ["C1:1"]
        assert relay.published.tier_changes == 0
        monkeypatch.setattr(Together, "_insert", insert)
        world.reopen()
        if not written:
            next(world.months("C1"))
        await until(relay, 1)

    assert published(world, kafka_address, handover, work) == ["C1:1"]


def test_what_is_not_handed_over_is_found_in_the_log(
    worlds: Worlds, kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too much to be handed over, then another process that writes a shard too, then one that writes it alone."""
    monkeypatch.setattr(running, "LOOK_BUSY_SECONDS", 0.05)
    handover = Handover(1)
    world = worlds(handover=handover)
    world.customers("C1")

    async def work(relay: Relay) -> None:
        await until_it_has_looked(relay)
        months = world.months("C1")
        monkeypatch.setattr(handing, "MOST_BYTES", 0)
        next(months)
        next(months)
        await until(relay, 2)
        monkeypatch.setattr(handover, "_call", lambda *_: None)
        next(months)
        await until(relay, 3)
        handover.dropped(0)
        for _ in months:
            pass
        await until(relay, 6)

    assert published(world, kafka_address, handover, work) == SIX


def test_a_block_behind_one_that_was_not_handed_over_waits_for_that() -> None:
    """A relay that is handed block 3 and knows of 1 must not pass over 2."""
    tail = _Tail()
    reading = Reading(tail, {})
    reading.look()
    assert not reading.take([Handed(b"s", 3, b"three")])
    assert reading.take([Handed(b"s", 1, b"one"), Handed(b"s", 2, b"two"), Handed(b"s", 3, b"three")])
    assert tail.handed == [(0, 2, b"two"), (0, 3, b"three")]


class _Tail:
    """A log of one shard that ends with block 1."""

    name, where, incarnation, shards = "log", "here", "i", (b"s",)

    def __init__(self) -> None:
        self.handed: list[tuple[int, int, bytes]] = []

    def heads(self) -> list[int]:
        return [1]

    def hand(self, *block: Any) -> None:
        self.handed.append(block)

    def blocks(self, shard: int, after: int, most: int) -> list[Block]:
        raise AssertionError((shard, after, most))

    def wait(self, timeout_s: float) -> None:
        raise AssertionError(timeout_s)

    def rest(self) -> None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError

"""What the relay publishes, on a real broker from a real database: each message once, in order, come what may."""

import asyncio
import os
import random
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from events.codec import to_json
from guanxi.relay import Published, Relay
from processors import relay as rules
from processors.relay import Fenced, LogRestored
from tests.patience import PATIENCE_S
from tests.projections.steps import moved
from tests.relay.conftest import Worlds
from tests.relay.world import AT, REJECTED, RETENTION_TRIGGERS, Subscribed, World, ids, subscribed


def publish(world: World, kafka: str, *, transactions: bool = True, accept_restored: bool = False) -> Published:
    """Everything that is in the log."""

    async def once() -> Published:
        relay = Relay(world.url, kafka, transactions=transactions, accept_restored=accept_restored, once=True)
        await relay.start()
        await relay.ended()
        return relay.published

    return asyncio.run(once())


def sequences(messages: list[Subscribed]) -> dict[str, list[int]]:
    found = defaultdict(list)
    for headers, _, _ in messages:
        customer_id, _, sequence = headers["ce_id"].rpartition(":")
        found[customer_id].append(int(sequence))
    return found


def a_process(world: World, kafka: str, *options: str) -> subprocess.Popen[str]:
    """A relay that has begun to publish."""
    command = (sys.executable, "-m", "tests.relay.a_relay", world.url, kafka, *options)
    started = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    assert started.stdout.readline() == "publishes\n"
    return started


def test_a_change_is_published_as_it_is_shown_with_the_headers_of_cloudevents(
    worlds: Worlds, kafka_address: str
) -> None:
    world = worlds(shards=2)
    world.customers("客户一", "C2")
    world.customers("D1", shard=1)
    list(world.months("客户一", "C2"))
    list(world.months("D1", shard=1))
    assert publish(world, kafka_address).tier_changes == 18
    found = subscribed(kafka_address, world.name)
    shown = {change.id: to_json(change.published()) for change in world.decided()}
    assert {headers["ce_id"]: value for headers, _, value in found} == shown
    assert len(found) == len(shown) == 18
    headers, key, _ = next(each for each in found if each[0]["ce_id"] == "客户一:1")
    assert key == "客户一".encode()
    assert headers == {
        "ce_specversion": "1.0", "ce_id": "客户一:1", "ce_source": f"guanxi/{world.name}",
        "ce_type": "guanxi.tier_change.v1", "ce_subject": "客户一", "ce_partitionkey": "客户一", "ce_time": AT,
        "content-type": "application/json",
    }  # fmt: skip


def test_a_step_of_a_trigger_is_published_as_it_is_shown_under_an_id_of_its_own(
    worlds: Worlds, kafka_address: str
) -> None:
    world = worlds()
    world.customers("C1")
    next(world.months("C1"))
    steps = [moved("C1", 1), moved("C1", 2, "claimed", manager_id="M1"), moved("C1:trigger", 1), moved("客户一", 1)]
    world.step(*steps)
    done = publish(world, kafka_address)
    assert (done.tier_changes, done.trigger_steps, done.refusals) == (1, 4, 0)
    found = subscribed(kafka_address, world.name, RETENTION_TRIGGERS)
    assert {headers["ce_id"]: value for headers, _, value in found} == {
        f"{step.customer_id}:trigger-{step.sequence}": to_json(step.published()) for step in steps
    }
    assert not set(ids(found)) & set(ids(subscribed(kafka_address, world.name)))
    headers, key, _ = next(each for each in found if each[0]["ce_id"] == "客户一:trigger-1")
    assert key == "客户一".encode()
    assert headers == {
        "ce_specversion": "1.0", "ce_id": "客户一:trigger-1", "ce_source": f"guanxi/{world.name}",
        "ce_type": "guanxi.retention_trigger.v1", "ce_subject": "客户一", "ce_partitionkey": "客户一", "ce_time": AT,
        "content-type": "application/json",
    }  # fmt: skip


def test_a_refusal_is_published_without_the_original(worlds: Worlds, kafka_address: str) -> None:
    world = worlds()
    world.refuse(1)
    world.take(b"{")
    assert publish(world, kafka_address).refusals == 2
    found = subscribed(kafka_address, world.name, REJECTED)
    told = {to_json(refusal.published(at)) for refusal, at in world.refused()}
    assert {value for _, _, value in found} == told
    assert all(refusal.original.encode() not in value for refusal, _ in world.refused() for _, _, value in found)
    named, nameless = sorted(found, key=lambda each: each[1] is None)
    assert re.fullmatch(r"a:1:[0-9a-f]{12}", named[0]["ce_id"])
    assert named[1] == named[0]["ce_subject"].encode()
    assert re.fullmatch(r"a:2:[0-9a-f]{12}", nameless[0]["ce_id"])
    assert "ce_subject" not in nameless[0]


def test_what_was_published_is_not_published_again_and_what_came_since_is(worlds: Worlds, kafka_address: str) -> None:
    world = worlds()
    world.customers("C1")
    months = world.months("C1")
    next(months)
    assert publish(world, kafka_address).tier_changes == 1
    assert publish(world, kafka_address).tier_changes == 0
    next(months)
    assert publish(world, kafka_address, transactions=False).tier_changes == 1
    assert ids(subscribed(kafka_address, world.name)) == ["C1:1", "C1:2"]


@pytest.mark.parametrize("options", [(), ("--no-transactions",)], ids=["transactions", "no-transactions"])
def test_killed_at_any_moment_nothing_is_lost_and_each_comes_once_or_under_the_same_id(
    options: tuple[str, ...], worlds: Worlds, kafka_address: str
) -> None:
    world = worlds(shards=2)
    crowd = [f"C{n}" for n in range(25)]
    world.customers(*crowd)
    world.customers("D1", shard=1)
    months, others = world.months(*crowd), world.months("D1", shard=1)
    moments = random.Random(1)
    for _ in range(2):
        for each in (months, months, others, others):
            next(each)
        killed = a_process(world, kafka_address, *options)
        with pytest.raises(subprocess.TimeoutExpired):
            killed.wait(moments.uniform(0, 0.3))
        killed.kill()
        killed.communicate()
    list(months)
    list(others)
    publish(world, kafka_address, transactions=not options)
    found = subscribed(kafka_address, world.name)
    contents = defaultdict(set)
    for headers, _, value in found:
        contents[headers["ce_id"]].add(value)
    assert contents == {change.id: {to_json(change.published())} for change in world.decided()}
    if not options:
        assert set(Counter(ids(found)).values()) == {1}
        assert all(got == list(range(1, 7)) for got in sequences(found).values())
    else:
        assert all(list(dict.fromkeys(got)) == list(range(1, 7)) for got in sequences(found).values())


def test_a_relay_that_does_not_wait_shuts_out_the_first(worlds: Worlds, kafka_address: str) -> None:
    world = worlds()
    world.customers("C1")
    months = world.months("C1")

    async def both() -> None:
        first, second = Relay(world.url, kafka_address), Relay(world.url, kafka_address, waits=False)
        await first.start()
        next(months)
        while not first.published.tier_changes:
            await asyncio.sleep(0.01)
        await second.start()
        while not second._began:
            await asyncio.sleep(0.01)
        next(months)
        while not second.published.tier_changes:
            await asyncio.sleep(0.01)
        with pytest.raises(
            Fenced, match=rf"the relay of process {os.getpid()} on .* publishes the log {world.name} since"
        ):
            await asyncio.wait_for(first.ended(), PATIENCE_S)
        await second.stop()
        await second.ended()

    asyncio.run(both())
    list(months)
    publish(world, kafka_address)
    assert ids(subscribed(kafka_address, world.name)) == [f"C1:{n}" for n in range(1, 7)]


def test_a_second_relay_waits_and_takes_over_when_the_first_ends(worlds: Worlds, kafka_address: str) -> None:
    world = worlds()
    world.customers("C1")
    months = world.months("C1")
    said: list[str] = []

    async def both() -> None:
        first, second = Relay(world.url, kafka_address), Relay(world.url, kafka_address, say=said.append)
        await first.start()
        next(months)
        while not first.published.tier_changes:
            await asyncio.sleep(0.01)
        await second.start()
        while not second.published.waits:
            await asyncio.sleep(0.01)
        with pytest.raises(Fenced, match="another relay publishes this log"):
            await asyncio.wait_for(_ended(Relay(world.url, kafka_address, once=True)), PATIENCE_S)
        next(months)
        while first.published.tier_changes < 2:
            await asyncio.sleep(0.01)
        await first.stop()
        next(months)
        while not second.published.tier_changes:
            await asyncio.sleep(0.01)
        await second.stop()

    asyncio.run(both())
    assert said == ["another relay publishes this log; waiting to take over when it ends"]
    found = ids(subscribed(kafka_address, world.name))
    assert found == [f"C1:{n}" for n in range(1, len(found) + 1)]
    assert len(found) >= 3


async def _ended(relay: Relay) -> None:
    await relay.start()
    await relay.ended()


def test_a_log_that_lost_its_end_is_noticed_and_published_again_only_when_a_person_says_so(
    worlds: Worlds, kafka_address: str
) -> None:
    world = worlds(shards=2)
    world.customers("C1")
    world.customers("D1", shard=1)
    months = world.months("C1")
    for _ in range(3):
        next(months)
    list(world.months("D1", shard=1, count=1))
    publish(world, kafka_address)
    world.cut(3)
    with pytest.raises(
        LogRestored, match=r"of shard 0 everything up to block 4 was, last C1:3, but it ends with block 3;"
    ):
        publish(world, kafka_address)
    list(months)  # other blocks under the same numbers
    with pytest.raises(LogRestored, match=r"but its block 4 is another one;.* run guanxi relay --accept-restored"):
        publish(world, kafka_address)
    assert len(ids(subscribed(kafka_address, world.name))) == 4
    publish(world, kafka_address, accept_restored=True)
    found = ids(subscribed(kafka_address, world.name))
    assert Counter(found)["D1:1"] == 1
    assert [each for each in found if each != "D1:1"][3:] == [change.id for change in world.decided()][:-1]
    assert publish(world, kafka_address).tier_changes == 0


def test_a_block_with_more_messages_than_a_batch_holds_is_published_in_parts(
    worlds: Worlds, kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_MESSAGES", 4)
    world = worlds()
    crowd = [f"C{n}" for n in range(10)]
    world.customers(*crowd)
    list(world.months(*crowd, count=2))
    assert publish(world, kafka_address).tier_changes == 20
    assert Counter(ids(subscribed(kafka_address, world.name))) == Counter(change.id for change in world.decided())

"""What a member of a group reads of its partitions, from a real broker: how often it asks for more."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from infra.kafka_input import LITTLE_BYTES, KafkaInput
from processors.inputs import Fetched
from processors.ports import Input
from tests.patience import PATIENCE_S


@pytest.fixture
def topic(kafka_address: str) -> str:
    """A topic of one partition."""
    name = f"input-{uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    try:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}})
        admin.wait_for_topics([name])
    finally:
        admin.close()
    return name


def reading(address: str, topic: str, then: Callable[[KafkaInput], Awaitable[None]]) -> None:
    """Join a group, read the topic from its beginning, and do something with it."""

    async def read() -> None:
        inputs = KafkaInput(address, (topic,), f"group-{topic}", "member")
        given = asyncio.Event()

        async def revoked(_: frozenset[Input]) -> None:
            pass

        async def assigned(_: frozenset[Input]) -> None:
            given.set()

        await inputs.join(revoked, assigned)
        try:
            await asyncio.wait_for(given.wait(), PATIENCE_S)
            inputs.seek({(topic, 0): 0})
            await then(inputs)
        finally:
            await inputs.leave()

    asyncio.run(read())


async def polled(inputs: KafkaInput, topic: str) -> Fetched:
    """The next that comes."""
    (found,) = await inputs.poll([(topic, 0)], PATIENCE_S, 1_000)
    return found


def test_behind_a_little_all_that_came_until_the_next_poll_comes_at_once(kafka_address: str, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka_address)

    async def then(inputs: KafkaInput) -> None:
        for first in (0, 4, 8):
            send(producer, topic, b"a")
            assert (await polled(inputs, topic)).offsets == [first]
            for _ in range(50):  # whoever wants to fetch ahead has sent for it by then, and is answered with one record
                await asyncio.sleep(0)
            for _ in range(3):
                send(producer, topic, b"b")
            assert (await polled(inputs, topic)).offsets == [first + 1, first + 2, first + 3]

    reading(kafka_address, topic, then)
    producer.close()


def test_behind_much_more_is_fetched_ahead(kafka_address: str, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka_address)

    async def then(inputs: KafkaInput) -> None:
        send(producer, topic, b"x" * LITTLE_BYTES)
        assert (await polled(inputs, topic)).offsets == [0]
        send(producer, topic, b"ahead")
        while await inputs.unread([(topic, 0)]) != {(topic, 0): 1}:  # heard of without a poll
            await asyncio.sleep(0)
        assert (await polled(inputs, topic)).offsets == [1]

    reading(kafka_address, topic, then)
    producer.close()


def test_a_position_is_set_while_nothing_is_fetched(kafka_address: str, topic: str) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka_address)

    async def then(inputs: KafkaInput) -> None:
        send(producer, topic, b"a")
        send(producer, topic, b"b")
        while (await polled(inputs, topic)).end < 2:
            pass
        inputs.seek({(topic, 0): 1})
        assert (await polled(inputs, topic)).values == [b"b"]

    reading(kafka_address, topic, then)
    producer.close()


def send(producer: KafkaProducer, topic: str, value: bytes) -> None:
    """Publish a record; the broker has it when this returns."""
    producer.send(topic, value, partition=0).get(PATIENCE_S)

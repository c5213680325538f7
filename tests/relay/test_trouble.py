"""Brokers and databases that go away under a relay, and a relay that is too slow: nothing is lost, nothing comes twice."""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import pytest
from aiokafka.errors import NodeNotReadyError

from guanxi import relay as running
from guanxi.relay import Relay
from infra import kafka_output
from infra.kafka_output import KafkaOutput
from processors.ports import LogUnusable
from processors.relay import Fenced, OutputAway, OutputUnusable, Position
from tests.patience import PATIENCE_S
from tests.relay.conftest import Worlds
from tests.relay.world import World, ids, subscribed


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "FIRST_PAUSE_S", 0.05)


async def published_in_the_end(world: World, kafka: str, spoil: Callable[[int], None], said: list[str]) -> None:
    """Run a relay while six months close, spoiling something behind each."""
    relay = Relay(world.url, kafka, say=said.append)
    await relay.start()
    for number, _ in enumerate(world.months("C1"), 1):
        spoil(number)
        while relay.published.tier_changes < number:
            await asyncio.sleep(0.01)
    await relay.stop()
    await relay.ended()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_broker_that_fails_at_a_transaction_gets_it_once(
    moment: str, worlds: Worlds, kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """after: it is committed, and nobody said so."""
    world = worlds()
    world.customers("C1")
    real, failures = KafkaOutput.put, [0]

    async def failing(self: KafkaOutput, messages: list[object], positions: dict[int, object], _: object) -> None:
        due = bool(messages) and failures[0] < 2
        if due and moment == "before":
            failures[0] += 1
            raise OutputAway("gone")
        await real(self, messages, positions)  # type: ignore[arg-type]
        if due:
            failures[0] += 1
            raise OutputAway("gone")

    monkeypatch.setattr(KafkaOutput, "put", failing)
    said: list[str] = []

    async def run() -> None:
        relay = Relay(world.url, kafka_address, say=said.append)
        await relay.start()
        for _ in world.months("C1"):
            await asyncio.sleep(0.1)
        while len(ids(await asyncio.to_thread(subscribed, kafka_address, world.name))) < 6:
            await asyncio.sleep(0.1)
        await relay.stop()
        await relay.ended()

    asyncio.run(run())
    assert ids(subscribed(kafka_address, world.name)) == [f"C1:{n}" for n in range(1, 7)]
    assert failures == [2]
    assert said[:2] == ["gone; trying again until then", "publishing again"]


def test_a_database_that_throws_it_out_is_read_on(worlds: Worlds, kafka_address: str, postgres_url: str) -> None:
    world = worlds()
    world.customers("C1")
    said: list[str] = []

    def throw_out(_: int) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ %s AND pid <> pg_backend_pid() "
                "AND query ~ 'LISTEN|UNION|SELECT originator_version AS number'", (world.name,),
            )  # fmt: skip

    asyncio.run(published_in_the_end(world, kafka_address, throw_out, said))
    assert ids(subscribed(kafka_address, world.name)) == [f"C1:{n}" for n in range(1, 7)]
    assert "publishing again" in said


def test_a_relay_that_was_held_up_too_long_goes_on_unless_another_began(
    worlds: Worlds, kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka gave up its transaction; here the transaction is said to be older than it is."""
    world = worlds()
    world.customers("C1")
    said: list[str] = []

    async def run() -> None:
        relay = Relay(world.url, kafka_address, say=said.append)
        await relay.start()
        months = world.months("C1")
        next(months)
        while not relay.published.tier_changes:
            await asyncio.sleep(0.01)
        # Another producer of the same name, which is no relay, as the broker itself does when it gives up.
        other = KafkaOutput(kafka_address, world.name)
        monkeypatch.setattr(other, "_put", lambda _: asyncio.sleep(0))
        await other.open()
        await other.close()
        why = KafkaOutput._shut_out
        monkeypatch.setattr(KafkaOutput, "_shut_out", lambda self, _: why(self, kafka_output.TRANSACTION_S))
        next(months)
        while relay.published.tier_changes < 2:
            await asyncio.sleep(0.01)
        await relay.stop()
        await relay.ended()

    asyncio.run(run())
    assert "a transaction was given up, for it took too long" in said[0]
    assert Counter(ids(subscribed(kafka_address, world.name))) == {"C1:1": 1, "C1:2": 1}


def test_who_is_shut_out_by_nobody_known_ends_too_and_nothing_else_complains(
    worlds: Worlds, kafka_address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = worlds()
    monkeypatch.setattr(kafka_output, "_LOOK_S", 0)

    async def run() -> None:
        first, second = (KafkaOutput(kafka_address, world.name) for _ in range(2))
        await first.open()
        monkeypatch.setattr(second, "_put", lambda _: asyncio.sleep(0))
        await second.open()
        with pytest.raises(Fenced, match="another relay publishes the log"):
            await first.put([], {0: Position("i", 0, 0, "", None)})
        await first.close()
        await second.close()

    asyncio.run(run())
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def test_a_broker_that_is_gone_is_let_go_of_at_once_and_nothing_goes_on_looking_for_it(
    worlds: Worlds, kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds()

    async def gone(*_: object, **__: object) -> None:
        raise NodeNotReadyError

    async def run() -> None:
        output = KafkaOutput(kafka_address, world.name)
        await output.open()
        assert output._producer is not None
        for call in ("send", "ready", "coordinator_lookup"):
            monkeypatch.setattr(output._producer.client, call, gone)
        never = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(output._producer.client, "force_metadata_update", lambda: asyncio.shield(never))
        monkeypatch.setattr(kafka_output, "TRANSACTION_S", 0.2)
        monkeypatch.setattr(kafka_output, "ANSWERS_WITHIN_S", 0.2)
        with pytest.raises(OutputAway, match="check that Kafka runs"):
            await output.put([], {0: Position("i", 0, 0, "", None)})
        _, late = await asyncio.wait([asyncio.create_task(output.close())], timeout=PATIENCE_S)
        assert not late
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_what_is_wrong_from_the_start_is_told_at_once(
    worlds: Worlds, kafka_address: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = worlds()

    def ended(log: str, kafka: str, *, patient: bool = False) -> None:
        async def run() -> None:
            relay = Relay(log, kafka, patient=patient)
            await relay.start()
            await relay.ended()

        asyncio.run(run())

    with pytest.raises(OutputAway, match=r"127\.0\.0\.1:9: no broker answers; check that Kafka runs"):
        ended(world.url, "127.0.0.1:9")
    with pytest.raises(LogUnusable, match="no log is here"):
        ended(f"{postgres_url}?schema=nothing_here", kafka_address)
    monkeypatch.setattr(kafka_output, "_TOPICS", ("nobody.made.this",))
    with pytest.raises(OutputAway, match=r"there is no topic nobody\.made\.this"):
        ended(world.url, kafka_address)
    with pytest.raises(OutputUnusable, match=r"there is no host of this name; give another --kafka"):
        ended(world.url, "no.such.host.invalid:9092", patient=True)
    with pytest.raises(LogUnusable, match="create the database"):
        ended(urlsplit(world.url)._replace(path="/no_such_database").geturl(), kafka_address, patient=True)

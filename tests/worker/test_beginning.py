"""A worker that is started before what it needs: it waits and says for what; what is wrong for good ends it at once."""

import asyncio
import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import SplitResult, urlsplit
from urllib.request import urlopen

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from events.catalog import CALENDAR
from guanxi.relay import Relay
from guanxi.simulator.stream import POLICY_FILE, records
from guanxi.worker import TOPICS
from infra.cluster.processes import free_port
from infra.postgres_schema import create_log, shards_of
from tests.door import Door
from tests.patience import until
from tests.relay.world import ids, subscribed
from tests.worker.conftest import Worlds
from tests.worker.processes import Worker
from tests.worker.world import World


class Entrance:
    """A world whose broker and database stand behind doors, which are shut."""

    def __init__(self, world: World, kafka: str) -> None:
        self.world, self._stack = world, ExitStack()
        host, _, port = kafka.split(",", 1)[0].rpartition(":")
        self._there: SplitResult = urlsplit(world.url)
        self.broker = self._stack.enter_context(Door((host, int(port))))
        self.database = self._stack.enter_context(Door((self._there.hostname or "", self._there.port or 5432)))
        self.kafka = f"127.0.0.1:{self.broker.port}"

    def url(self, user: str = "", path: str = "") -> str:
        """Of the log, as somebody, in some database."""
        owner = self._there.netloc.rpartition("@")[0]
        path = path or self._there.path
        return self._there._replace(netloc=f"{user or owner}@127.0.0.1:{self.database.port}", path=path).geturl()

    def worker(self, url: str = "", **more: int) -> Worker:
        """A worker that comes through the doors."""
        world = self.world
        found = Worker(url or self.url(), self.kafka, world.folder, world.prefix, POLICY_FILE, **more)
        self._stack.callback(found.kill)
        return found

    def close(self) -> None:
        """End what was started, and shut the doors."""
        self._stack.close()


@pytest.fixture
def entrance(worlds: Worlds, kafka_address: str) -> Iterator[Entrance]:
    made = Entrance(worlds(policy=POLICY_FILE), kafka_address)
    yield made
    made.close()


def test_started_first_it_waits_for_broker_topics_and_database_and_a_tier_change_arrives(
    entrance: Entrance, kafka_address: str
) -> None:
    world, web = entrance.world, free_port()
    world.delete_topics([*TOPICS, CALENDAR])
    worker = entrance.worker(web_port=web, relay=True)
    worker.wait_for(f"Kafka {entrance.kafka}: ")
    said = "check that the broker runs and can be reached"
    worker.wait_for(f"{said}; waiting until it is there")
    with urlopen(f"http://127.0.0.1:{web}/health") as page:
        told = json.load(page)
    assert (told["shards"], said in told["trouble"]) == ([], True)
    entrance.broker.open()
    worker.wait_for(f"Kafka {entrance.kafka}: there is no topic bank.transactions.v1, ")
    world.make_topics({**dict.fromkeys(TOPICS, world.partitions), CALENDAR: 1})
    worker.wait_for(f"127.0.0.1:{entrance.database.port}")
    worker.wait_for("check that the server runs and can be reached; waiting until it is there")
    entrance.database.open()
    world.publish(records(50, 33, 7))
    until(lambda: bool(subscribed(kafka_address, world.name)), lambda: worker.said)
    with urlopen(f"http://127.0.0.1:{web}/health") as page:
        told = json.load(page)
    assert [shard["shard"] for shard in told["shards"]] == [0, 1]
    assert (told["log"], told["trouble"]) == (world.name, "")
    assert worker.stop() == 0
    assert worker.said.count(said) == 1


@pytest.mark.parametrize("which", ["broker", "database"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_waits_for_nobody_who_stands_still(entrance: Entrance, which: str, how: signal.Signals) -> None:
    silent = entrance.broker if which == "broker" else entrance.database
    silent.open(silent=True)
    if which == "database":
        entrance.broker.open()
    worker = entrance.worker()
    assert silent.came.wait(60)
    worker.send(how)
    assert worker.ended() == 0


def test_what_is_wrong_for_good_is_told_at_once(entrance: Entrance) -> None:
    world = entrance.world
    entrance.broker.open()
    entrance.database.open()
    for url, said in (
        (entrance.url(user="nobody_here:wrong"), "check user and password"),
        (entrance.url(path="/no_such_database"), "create the database"),
        ("postgresql://nobody@no.such.host.invalid/bank", "failed to resolve host"),
    ):
        worker = entrance.worker(url)
        assert worker.ended() == 2
        assert said in worker.said
        assert "waiting" not in worker.said
    create_log(world.url, shards=world.partitions)
    with psycopg.connect(world.url.partition("?")[0], autocommit=True) as connection:
        newer = SQL("INSERT INTO {} (version, what, needs) VALUES (9999, 'to come', 9999)")
        connection.execute(newer.format(Identifier(world.name, "migration")))
    worker = entrance.worker()
    assert worker.ended() == 2
    assert "which this program" in worker.said


def test_topics_of_unequal_numbers_make_no_log(worlds: Worlds) -> None:
    world = worlds(partitions=2, topics={TOPICS[2]: 3})
    worker = world.worker()
    assert worker.ended() == 2
    assert "bank.customers.v1 has 3, and all have to be the same" in worker.said
    assert shards_of(world.url) is None


def test_a_relay_that_is_started_first_waits_for_database_log_and_broker(
    entrance: Entrance, kafka_address: str
) -> None:
    said: list[str] = []

    async def run() -> None:
        relay = Relay(entrance.url(), entrance.kafka, patient=True, say=said.append)
        await relay.start()
        await told(f"127.0.0.1:{entrance.database.port}")
        entrance.database.open()
        await told("no log is here")
        world = entrance.world
        worker = world.worker()
        world.publish(records(50, 33, 7))
        await told(f"{entrance.kafka}: no broker answers")
        entrance.broker.open()
        while not relay.published.tier_changes:
            await asyncio.sleep(0.01)
        await relay.stop()
        await relay.ended()
        assert worker.stop() == 0

    async def told(words: str) -> None:
        while not any(words in line for line in said):
            await asyncio.sleep(0.01)

    asyncio.run(run())
    assert ids(subscribed(kafka_address, entrance.world.name))

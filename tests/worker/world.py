"""Topics and a log of a test's own, what is published there, and what the log holds of it in the end."""

import re
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from psycopg.sql import SQL, Identifier

from aggregates.policy import Policies
from aggregates.shard import Shard
from events.catalog import CALENDAR, TOPIC_OF
from events.decisions import Decision, RecordRefused, TierChanged
from events.fields import CustomerRecord
from guanxi.worker import TOPICS
from infra.cluster.kafka import make_topics
from infra.cluster.topics import Topic
from infra.postgres_log import PostgresEventLog
from processors.gate import CALENDAR_HEADER
from processors.keeper import evolve
from processors.partition import partition_of
from processors.ports import Input
from processors.stored import decode_lines
from tests.patience import PATIENCE_S
from tests.worker.processes import Worker

_TYPE = re.compile(rb'"type": ?"([a-z_]+)"')
_CUSTOMER = re.compile(rb'"customer_id": ?"([^"]+)"')


class Held(msgspec.Struct):
    """What a log holds: facts of each customer in order, tier changes by customer, balances, refusals, positions."""

    facts: dict[str, list[str]]
    changes: dict[str, list[TierChanged]]
    balances: dict[str, int]
    closed: set[int]
    refused: list[RecordRefused]


class World:
    """See the module."""

    def __init__(
        self,
        kafka: str,
        postgres: str,
        folder: Path,
        partitions: int = 2,
        policy: Path | None = None,
        topics: Mapping[str, int] | None = None,
    ) -> None:
        self.kafka, self._postgres, self.folder, self.partitions = kafka, postgres, folder, partitions
        self.name = f"w{uuid.uuid4().hex[:12]}"
        self.url = f"{postgres}?schema={self.name}&connect_timeout={PATIENCE_S}"
        self.prefix, self._policy = f"{self.name}.", policy
        self._calendar = 0
        self._workers: list[Worker] = []
        self.make_topics({**dict.fromkeys(TOPICS, partitions), CALENDAR: 1, **(topics or {})})
        self._producer = KafkaProducer(bootstrap_servers=kafka, linger_ms=5)

    def make_topics(self, partitions: Mapping[str, int]) -> None:
        make_topics(self.kafka, 1, tuple(Topic(self.prefix + name, n, {}) for name, n in partitions.items()))

    def delete_topics(self, topics: Iterable[str]) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.kafka)
        admin.delete_topics([self.prefix + topic for topic in topics])
        admin.close()

    # ------------------------------------------------------------------------------------------ publishing

    def publish(self, lines: Iterable[bytes]) -> None:
        """Publish records as core systems do; closes as the calendar processor copies them. All are there in the end."""
        for line in lines:
            kind = _TYPE.search(line)
            assert kind is not None
            topic = TOPIC_OF[kind[1].decode()]
            if topic == CALENDAR:
                header = [(CALENDAR_HEADER, str(self._calendar).encode())]
                self._calendar += 1
                for each in TOPICS:
                    for partition in range(self.partitions):
                        self.send(each, line, None, partition, header)
                continue
            customer = _CUSTOMER.search(line)
            assert customer is not None
            self.send(topic, line, customer[1])
        self._producer.flush()

    def send(
        self, topic: str, value: bytes | None, key: bytes | None, partition: int | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:  # fmt: skip
        """Publish anything; it is there once something is published as it should be, or ``flush`` was called."""
        if partition is None:
            assert key is not None
            partition = partition_of(key.decode(), self.partitions)
        self._producer.send(self.prefix + topic, value, key=key, partition=partition, headers=headers or [])

    def flush(self) -> None:
        self._producer.flush()

    def ends(self) -> dict[Input, int]:
        """The offset behind the last record of each input."""
        consumer = KafkaConsumer(bootstrap_servers=self.kafka)
        try:
            places = [TopicPartition(self.prefix + topic, n) for topic in TOPICS for n in range(self.partitions)]
            found = consumer.end_offsets(places)
        finally:
            consumer.close()
        return {(place.topic.removeprefix(self.prefix), place.partition): end for place, end in found.items()}

    # ------------------------------------------------------------------------------------------ workers

    def worker(self, machine: str = "machine", **more: int) -> Worker:
        self._workers.append(Worker(self.url, self.kafka, self.folder / machine, self.prefix, self._policy, **more))
        return self._workers[-1]

    def until(self, positions: Mapping[Input, int] | None = None) -> None:
        """Wait until everything published is in the log, or until so much of it is."""
        wanted = self.ends() if positions is None else positions
        ends = time.monotonic() + PATIENCE_S
        while True:
            found = self.positions()
            if all(found.get(source, 0) >= offset for source, offset in wanted.items()):
                return
            if time.monotonic() > ends:
                said = "\n".join(worker.said for worker in self._workers)
                raise AssertionError(f"wanted {wanted}\nfound {found}\n{said}")
            time.sleep(0.1)

    def until_held(self, customers: Iterable[str]) -> None:
        """Wait until the log holds something of these customers."""
        wanted, ends = set(customers), time.monotonic() + PATIENCE_S
        while not wanted <= (found := self.held().facts.keys()):
            assert time.monotonic() < ends, f"{wanted - found}\n" + "\n".join(each.said for each in self._workers)
            time.sleep(0.1)

    def until_shown(self) -> None:
        """Wait until the views of every shard stand at the end of its log."""
        ends = time.monotonic() + PATIENCE_S
        while behind := [number for number in range(self.partitions) if self._shown(number) != self._head(number)]:
            said = "\n".join(worker.said for worker in self._workers)
            assert time.monotonic() < ends, f"views of {behind} are behind\n{said}"
            time.sleep(0.1)

    def _head(self, number: int) -> int:
        log = PostgresEventLog(self.url, number)
        try:
            return log.head().block
        finally:
            log.close()

    def _shown(self, number: int) -> int:
        with psycopg.connect(self._postgres) as connection:
            asked = SQL("SELECT block FROM {} WHERE shard_number = %s").format(Identifier(self.name, "view"))
            (block,) = connection.execute(asked, (number,)).fetchone() or (0,)
        return int(block)

    def positions(self) -> dict[Input, int]:
        """The position vectors of all shards; empty while there is no log."""
        found: dict[Input, int] = {}
        for number in range(self.partitions):
            try:
                log = PostgresEventLog(self.url, number)
            except Exception:  # not made yet, or the database is being started
                return {}
            found.update(log.head().inputs)
            log.close()
        return found

    # ------------------------------------------------------------------------------------------ what came of it

    def held(self) -> Held:
        """What the log of this world holds."""
        found = Held({}, {}, {}, set(), [])
        for number in range(self.partitions):
            log = PostgresEventLog(self.url, number)
            hold(found, (block.body for block in log.blocks()))
            log.close()
        return found

    def close(self) -> None:
        for worker in self._workers:
            worker.kill()
        self._producer.close()
        self.delete_topics([*TOPICS, CALENDAR])
        with psycopg.connect(self._postgres, autocommit=True) as connection:
            connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(self.name)))


def hold(found: Held, bodies: Iterable[bytes]) -> None:
    """Add what the blocks of a shard hold."""
    shard = Shard(Policies())
    facts: dict[str, list[str]] = defaultdict(list)
    for body in bodies:
        lines = decode_lines(body)
        evolve(shard, lines)
        for line in lines:
            if isinstance(line, CustomerRecord):
                facts[line.customer_id].append(f"{TOPIC_OF[line.__struct_config__.tag]} {line.source} {line.event_id}")
            elif isinstance(line, TierChanged):
                found.changes.setdefault(line.customer_id, []).append(line)
            elif isinstance(line, RecordRefused):
                found.refused.append(line)
    found.facts.update(facts)
    found.closed.add(shard.closed_through)
    for customer_id in shard.customers.all:
        found.balances[customer_id] = shard.customers.ensure(customer_id).spot_minor
    assert issubclass(TierChanged, Decision)

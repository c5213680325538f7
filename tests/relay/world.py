"""A log on PostgreSQL that an intake writes, what the relay publishes of it, and a subscriber who reads that."""

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from kafka import KafkaConsumer, TopicPartition
from psycopg.sql import SQL, Identifier

from aggregates.policy import Policies, Policy
from aggregates.shard import Shard
from events.catalog import REJECTED, RETENTION_TRIGGERS, TIER_CHANGES
from events.codec import to_json
from events.decisions import RecordRefused, TierChanged, TriggerMoved
from infra.ids import IdIndex
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from infra.postgres_together import Together
from infra.vault import Vault
from processors.handover import Handover
from processors.intake import Intake, Origin
from processors.stored import decode_lines
from processors.tail import Told
from tests.conformance.event_log import draft
from tests.projections.world import close, money, opened

AT = "2026-01-01T00:00:00Z"
DAYS = {"2026-01": 31, "2026-02": 28, "2026-03": 31, "2026-04": 30, "2026-05": 31, "2026-06": 30}
Subscribed = tuple[dict[str, str], bytes | None, bytes]
"""Headers, key and value of a message."""


class World:
    """See the module. Its log has a schema and so a name of its own. handover: gets the blocks, as from a worker."""

    def __init__(self, postgres_url: str, *, shards: int = 1, handover: Handover | None = None) -> None:
        self._handover = handover
        self.name = f"log_{uuid.uuid4().hex[:12]}"
        self.url = f"{postgres_url}?schema={self.name}"
        create_log(self.url, shards=shards)
        self._postgres_url = postgres_url
        self._at = [0] * shards
        self._logs: list[PostgresEventLog] = []
        self._intakes: list[Intake] = []
        self.reopen()

    def reopen(self) -> None:
        """Writers that know what is in the log now, of which only what was decided of this world's customers matters."""
        for log in self._logs:
            log.close()
        self._logs = self._opened()
        self._intakes = []
        self._at = [log.head().inputs.get(("file:a", n), 0) for n, log in enumerate(self._logs)]
        for log in self._logs:
            shard, told = Shard(Policies((Policy(),))), list[Told]()
            for block in log.blocks():
                for line in decode_lines(block.body):
                    shard.evolve(line)
            vault = Vault(":memory:", b"k" * 32)
            self._intakes.append(Intake(log, shard, IdIndex(None), vault, told.append, lambda: AT))

    def _opened(self) -> list[PostgresEventLog]:
        if self._handover is None:
            return [PostgresEventLog(self.url, n, write=True) for n in range(len(self._at))]
        session = Session(address_of(self.url))
        together = Together(session, self._handover)
        for number in range(len(self._at)):
            self._handover.opened(number)
        return [
            PostgresEventLog(self.url, n, write=True, session=session, together=together) for n in range(len(self._at))
        ]

    def take(self, *records: dict[str, Any] | bytes, shard: int = 0) -> None:
        """One batch into a shard."""
        lines = [r if isinstance(r, bytes) else json.dumps(r, ensure_ascii=False).encode() for r in records]
        data = b"".join(line + b"\n" for line in lines)
        self._intakes[shard].take(Origin(("file:a", shard), file="a"), self._at[shard], data)
        self._logs[shard].settle()
        self._at[shard] += len(lines)

    def customers(self, *names: str, shard: int = 0) -> None:
        """Customers with an account each, on which changes may be made."""
        self.take(*(opened(name, f"A-{name}", "2026-01-01", 0) for name in names), shard=shard)

    def months(self, *names: str, shard: int = 0, count: int = len(DAYS)) -> Iterator[str]:
        """Months closed one by one, in each of which every customer's tier changes: up, and down to watch."""
        for number, (month, days) in enumerate(list(DAYS.items())[:count]):
            up = number % 2 == 0
            amount = 700_000_000 + number
            self.take(
                *(money("deposit" if up else "withdrawal", n, f"A-{n}", amount, f"{month}-01") for n in names),
                close(f"{month}-{days}"),
                shard=shard,
            )
            yield month

    def refuse(self, number: int, shard: int = 0) -> None:
        """A record that is refused."""
        self.take(money("deposit", "C1", "nowhere", number, "2026-01-02"), shard=shard)

    def step(self, *steps: TriggerMoved, shard: int = 0) -> None:
        """A block of steps of triggers, as if a close had decided them."""
        lines = [(step.customer_id, to_json(step)) for step in steps]
        self._logs[shard].append(draft(*lines, facts=0, at=AT))

    def decided(self) -> list[TierChanged]:
        """Every tier change in the log, shard by shard."""
        return [line for line, _ in self._lines() if isinstance(line, TierChanged)]

    def refused(self) -> list[tuple[RecordRefused, str]]:
        """Every refusal in the log with its time."""
        return [(line, at) for line, at in self._lines() if isinstance(line, RecordRefused)]

    def _lines(self) -> Iterator[tuple[Any, str]]:
        for number in range(len(self._at)):
            log = PostgresEventLog(self.url, number)
            for block in log.blocks():
                yield from ((line, block.at) for line in decode_lines(block.body))
            log.close()

    def cut(self, to: int, shard: int = 0) -> None:
        """Do what nobody may: lose the end of a shard's log, as a database restored from a copy does."""
        table = Identifier(self.name, f"journal_{shard}")
        with psycopg.connect(self._postgres_url, autocommit=True) as connection:
            for statement in (
                "ALTER TABLE {} DISABLE TRIGGER ALL",
                f"DELETE FROM {{}} WHERE originator_version > {to}",
                "ALTER TABLE {} ENABLE ALWAYS TRIGGER no_change",
                "ALTER TABLE {} ENABLE ALWAYS TRIGGER in_order",
            ):
                connection.execute(SQL(statement).format(table))
        self.reopen()

    def close(self) -> None:
        """Let go of the log and delete it."""
        for log in self._logs:
            log.close()
        with psycopg.connect(self._postgres_url, autocommit=True) as connection:
            connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(self.name)))


def subscribed(kafka_address: str, log: str, topic: str = TIER_CHANGES, *, committed: bool = True) -> list[Subscribed]:
    """Everything on a topic of one log, as a subscriber gets it, partition by partition."""
    reader = KafkaConsumer(
        bootstrap_servers=kafka_address,
        isolation_level="read_committed" if committed else "read_uncommitted",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    try:
        places = [TopicPartition(topic, n) for n in sorted(reader.partitions_for_topic(topic) or ())]
        reader.assign(places)
        reader.seek_to_beginning(*places)
        ends = reader.end_offsets(places)
        found: dict[Any, list[Subscribed]] = {place: [] for place in places}
        while any(reader.position(place) < ends[place] for place in places):
            for place, records in reader.poll(timeout_ms=100).items():
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers}
                    if headers["ce_source"] == f"guanxi/{log}":
                        found[place].append((headers, record.key, record.value))
        return [message for place in places for message in found[place]]
    finally:
        reader.close()


def ids(messages: Iterable[Subscribed]) -> list[str]:
    """Ids in the order in which they came."""
    return [headers["ce_id"] for headers, _, _ in messages]


__all__ = ["REJECTED", "RETENTION_TRIGGERS", "TIER_CHANGES", "World", "ids", "subscribed"]

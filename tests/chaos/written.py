"""What stands on the topics and in the log, read without the system's own code: the broker's messages, the database's rows."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit
from zlib import crc32

import msgspec
import psycopg
import zstandard
from kafka import KafkaConsumer, TopicPartition

Place = tuple[str, int]
"""Topic and partition."""
Line = dict[str, Any]

RECORDS = ("bank.transactions.v1", "bank.interactions.v1", "bank.customers.v1")
CALENDAR = "bank.calendar.v1"
TIER_CHANGES, TRIGGERS = "guanxi.tier-changes.v1", "guanxi.retention-triggers.v1"
REJECTED = "guanxi.rejected.v1"
TOPICS = (*RECORDS, CALENDAR, TIER_CHANGES, TRIGGERS, REJECTED)
POLL_MS = 500


class Message(NamedTuple):
    """One message of a partition."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class Block(NamedTuple):
    """One block of a shard. ranges: of each input what it stood at before and stands at behind it."""

    number: int
    first: int
    duplicates: int
    ranges: dict[Place, tuple[int, int]]
    lines: list[Line]
    digest: int


class Topics:
    """The messages of all topics that transactions have committed; ``read`` adds what came since."""

    def __init__(self, kafka: str, topics: Iterable[str] = TOPICS) -> None:
        self._kafka, self._topics = kafka, tuple(topics)
        self.messages: dict[Place, list[Message]] = {}
        self.ends: dict[Place, int] = {}
        """How far each was read: behind the last message, markers of transactions included."""

    def read(self) -> "Topics":
        """Everything up to the ends that the broker names at the start of the call. Raises KafkaError; read on, then."""
        consumer = KafkaConsumer(
            bootstrap_servers=self._kafka, isolation_level="read_committed", enable_auto_commit=False
        )
        try:
            places = [
                TopicPartition(t, p) for t in self._topics for p in sorted(consumer.partitions_for_topic(t) or ())
            ]
            consumer.assign(places)
            ends = consumer.end_offsets(places)
            for each in places:
                consumer.seek(each, self.ends.get((each.topic, each.partition), 0))
            while behind := [each for each in places if consumer.position(each) < ends[each]]:
                for each in set(places).difference(behind):
                    consumer.pause(each)
                for each, found in consumer.poll(timeout_ms=POLL_MS).items():
                    kept = self.messages.setdefault((each.topic, each.partition), [])
                    kept += [Message(m.offset, m.key, m.value, dict(m.headers)) for m in found]
                    self.ends[each.topic, each.partition] = consumer.position(each)
            for each in places:
                self.messages.setdefault((each.topic, each.partition), [])
                self.ends[each.topic, each.partition] = consumer.position(each)
        finally:
            consumer.close()
        return self

    def of(self, topic: str) -> Mapping[int, list[Message]]:
        """The messages of a topic by partition."""
        return {partition: found for (name, partition), found in self.messages.items() if name == topic}


class Journal:
    """The blocks of all shards of a log on PostgreSQL; ``read`` adds what came since."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        fields = dict(parse_qsl(parts.query))
        self._schema = fields.pop("schema", "guanxi")
        self._url = parts._replace(query=urlencode(fields)).geturl()
        self.shards: list[list[Block]] = []
        self.commands: dict[tuple[int, int], Line] = {}
        """What was asked of the owners of shards, by shard and number."""

    @property
    def schema(self) -> str:
        """Where the log's tables are."""
        return self._schema

    @property
    def address(self) -> str:
        """The database, without what only a log's address holds."""
        return self._url

    def read(self) -> "Journal":
        """Everything that is committed."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            numbers = connection.execute(f"SELECT number FROM {self._schema}.shard ORDER BY number").fetchall()
            self.shards = self.shards or [[] for _ in numbers]
            for (number,), blocks in zip(numbers, self.shards, strict=True):
                rows = connection.execute(
                    f"SELECT originator_version, state FROM {self._schema}.journal_{number} "
                    "WHERE originator_version > %s ORDER BY originator_version",
                    (len(blocks),),
                )
                blocks += [block_of(version, bytes(state)) for version, state in rows]
            asked = connection.execute(f"SELECT shard, number, body FROM {self._schema}.command").fetchall()
            self.commands = {(shard, number): body for shard, number, body in asked}
        return self

    @property
    def blocks(self) -> int:
        """How many there are of all shards."""
        return sum(map(len, self.shards))

    def heads(self) -> list[dict[Place, int]]:
        """How far each shard says it took its inputs."""
        return [
            {place: following for place, (_, following) in blocks[-1].ranges.items()} if blocks else {}
            for blocks in self.shards
        ]


def block_of(number: int, state: bytes) -> Block:
    """A stored block: magic, length and header, checksum, body."""
    end = 8 + int.from_bytes(state[4:8], "little")
    header = msgspec.msgpack.decode(state[8:end])
    assert state[:4] == b"GXB1"
    assert crc32(state[8:end]) == int.from_bytes(state[end : end + 4], "little")
    assert header["block"] == number
    body = zstandard.ZstdDecompressor().decompress(state[end + 4 :])
    lines = [json.loads(line) for line in body.split(b"\n")] if body else []
    assert len(lines) == header["lines"]
    ranges = {(topic, partition): (start, following) for topic, partition, start, following in header["inputs"]}
    return Block(number, header["first"], header["dups"], ranges, lines, crc32(body))

"""What the relay publishes, on Kafka; with it, in the same transaction, how far it is.

A position is a record of the compacted topic `guanxi.relay.v1` under the key `<log name>/<shard>`. With transactions the
transactional id is the log's, so that Kafka lets in one relay of a log at a time: the newest. Without, messages are
acknowledged before the position is written: after a crash some come twice, under the same id.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from events.catalog import REJECTED, TIER_CHANGES
from events.codec import to_json
from infra.kafka_client import NEEDS_A_PERSON, drop, partitions, said
from processors.outgoing import Message
from processors.partition import murmur2
from processors.relay import Fenced, OutputAway, OutputUnusable, Position

POSITIONS: Final = "guanxi.relay.v1"
ANSWERS_WITHIN_S: Final = 10
TRANSACTION_S: Final = 20
"""Kafka gives up a transaction that is older; until then subscribers see nothing behind it."""
_BATCH_BYTES: Final = 512 * 1024

_Outgoing = tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]
_position = msgspec.json.Decoder(Position).decode


class KafkaOutput:
    """See ``processors.relay.Output``. address: `host:port`, several with commas; log: the log's name."""

    def __init__(self, address: str, log: str, *, transactions: bool = True) -> None:
        self._address, self._log, self._transactions = address, log, transactions
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._turn = 0

    async def open(self) -> dict[int, Position]:
        """See the port."""
        await self.close()
        async with self._plainly():
            self._producer = producer = AIOKafkaProducer(
                bootstrap_servers=self._address,
                client_id=f"guanxi-relay-{self._log}",
                acks="all",
                enable_idempotence=True,
                transactional_id=f"guanxi-relay-{self._log}" if self._transactions else None,
                **({"transaction_timeout_ms": TRANSACTION_S * 1000} if self._transactions else {}),
                max_batch_size=_BATCH_BYTES,
                max_request_size=2 * _BATCH_BYTES,
                request_timeout_ms=ANSWERS_WITHIN_S * 1000,
            )
            await asyncio.wait_for(producer.start(), TRANSACTION_S + ANSWERS_WITHIN_S)
            self._partitions = await partitions(producer, TIER_CHANGES, REJECTED, POSITIONS)
            for topic in (TIER_CHANGES, REJECTED, POSITIONS):
                if topic not in self._partitions:
                    raise OutputUnusable(
                        f"{self._address}: there is no topic {topic}; make it as infra/cluster/topics.txt says"
                    )
            return await asyncio.wait_for(self._stored(), TRANSACTION_S + ANSWERS_WITHIN_S)

    async def _stored(self) -> dict[int, Position]:
        """The positions that stand. Whoever was shut out has ended its transaction, one way or the other, before this."""
        where = TopicPartition(POSITIONS, 0)
        # To the very end: another log's transaction that is still open must not hide what stands behind it.
        async with self._reader("read_uncommitted") as reader:
            end = (await reader.end_offsets([where]))[where]
        found: dict[int, Position] = {}
        async with self._reader("read_committed") as reader:
            reader.assign([where])
            await reader.seek_to_beginning(where)
            while await reader.position(where) < end:
                for record in (await reader.getmany(where, timeout_ms=100)).get(where, ()):
                    name, _, shard = (record.key or b"").decode().rpartition("/")
                    if name == self._log and record.value is not None:
                        found[int(shard)] = _position(record.value)
        return found

    @contextlib.asynccontextmanager
    async def _reader(self, isolation: str) -> AsyncIterator[AIOKafkaConsumer]:
        reader = AIOKafkaConsumer(
            bootstrap_servers=self._address, isolation_level=isolation, enable_auto_commit=False,
            request_timeout_ms=ANSWERS_WITHIN_S * 1000,
        )  # fmt: skip
        try:
            await reader.start()
            yield reader
        finally:
            await reader.stop()

    async def put(self, messages: Sequence[Message], positions: Mapping[int, Position]) -> None:
        """See the port."""
        producer = self._producer
        if producer is None:
            raise OutputAway(f"{self._address}: not open")
        content: list[_Outgoing] = [(m.topic, m.key, m.value, m.headers) for m in messages]
        standing: list[_Outgoing] = [
            (POSITIONS, f"{self._log}/{shard}".encode(), to_json(position), []) for shard, position in positions.items()
        ]
        async with self._plainly(), asyncio.timeout(TRANSACTION_S + ANSWERS_WITHIN_S):
            if not self._transactions:
                await self._send(producer, content)
                await self._send(producer, standing)
                return
            await producer.begin_transaction()
            await self._send(producer, (*content, *standing))
            await producer.commit_transaction()

    async def _send(self, producer: AIOKafkaProducer, messages: Iterable[_Outgoing]) -> None:
        """Send messages, in order within a partition; acknowledged when this returns."""
        builders: dict[tuple[str, int], Any] = {}
        sent: list[asyncio.Future[Any]] = []

        async def pass_on(place: tuple[str, int]) -> None:
            topic, partition = place
            builder = builders.pop(place)
            builder.close()
            sent.append(await producer.send_batch(builder, topic, partition=partition))

        for topic, key, value, headers in messages:
            place = topic, self._partition(topic, key)
            if place not in builders:
                builders[place] = producer.create_batch()
            if builders[place].append(timestamp=None, key=key, value=value, headers=headers) is None:
                await pass_on(place)
                builders[place] = producer.create_batch()
                builders[place].append(timestamp=None, key=key, value=value, headers=headers)
        for place in list(builders):
            await pass_on(place)
        await asyncio.gather(*sent)

    def _partition(self, topic: str, key: bytes | None) -> int:
        if key is None:
            self._turn += 1
            return self._turn % self._partitions[topic]
        return (murmur2(key) & 0x7FFFFFFF) % self._partitions[topic]

    async def close(self) -> None:
        """See the port. Nothing of it may go on sending by itself: a message would come late, behind newer ones."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await drop(producer)

    @contextlib.asynccontextmanager
    async def _plainly(self) -> AsyncIterator[None]:
        try:
            yield
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise Fenced(
                f"{self._address}: another relay publishes the log {self._log} since; this one ends, nothing is lost"
            ) from error
        except NEEDS_A_PERSON as error:
            raise OutputUnusable(f"{self._address}: {said(error)}; see the broker's rights and limits") from error
        except (KafkaError, TimeoutError, OSError) as error:
            raise OutputAway(f"{self._address}: {said(error)}; check that Kafka runs and can be reached") from error

"""What the relay publishes, on Kafka; with it, in the same transaction, how far it is.

A position is a record of the compacted topic `guanxi.relay.v1` under the key `<log name>/<shard>`; under the log's name
alone stands who publishes it. With transactions the transactional id is the log's, so that Kafka lets in one relay of a
log at a time: the newest. Without, messages are acknowledged before the position is written: after a crash some come
twice, under the same id.
"""

import asyncio
import contextlib
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced
from aiokafka.producer import sender

from events.catalog import REJECTED, RETENTION_TRIGGERS, TIER_CHANGES
from events.codec import to_json
from infra.kafka_client import NEEDS_A_PERSON, drop, heard, partitions, said
from processors.outgoing import Message
from processors.partition import murmur2
from processors.relay import Fenced, NotWritten, OutputAway, OutputUnusable, Position

POSITIONS: Final = "guanxi.relay.v1"
ANSWERS_WITHIN_S: Final = 10
TRANSACTION_S: Final = 20
"""Kafka gives up a transaction that is older; until then subscribers see nothing behind it."""
_TOPICS: Final = (TIER_CHANGES, RETENTION_TRIGGERS, REJECTED, POSITIONS)
_BATCH_BYTES: Final = 512 * 1024
_LOOKS: Final = 10
_LOOK_S: Final = 0.3


class _Owner(msgspec.Struct, frozen=True):
    """Who publishes a log, kept under the log's name. token: of one opening."""

    host: str
    process: int
    token: str


sender.BACKOFF_OVERRIDE = 0.002
"""So long aiokafka waits (20 ms) where Kafka still writes the end of the transaction before; it takes 1 to 3 ms."""

_Outgoing = tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]
_position = msgspec.json.Decoder(Position).decode


class KafkaOutput:
    """See ``processors.relay.Output``. address: `host:port`, several with commas; log: the log's name."""

    def __init__(self, address: str, log: str, *, transactions: bool = True) -> None:
        self._address, self._log, self._transactions = address, log, transactions
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._turn = 0
        self._owner = _Owner(socket.gethostname(), os.getpid(), "")

    async def open(self) -> dict[int, Position]:
        """See the port."""
        await self.close()
        self._owner = msgspec.structs.replace(self._owner, token=uuid.uuid4().hex)
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
            self._partitions = await partitions(producer, *_TOPICS)
            for topic in _TOPICS:
                if topic not in self._partitions:
                    raise OutputAway(  # which is also what a broker says that has just been started
                        f"{self._address}: there is no topic {topic}; make it as infra/cluster/topics.txt says"
                    )
            # Whoever was shut out has ended its transaction by now, one way or the other.
            found = await self._stored()
        await self._put([(POSITIONS, self._log.encode(), to_json(self._owner), [])])
        return {
            int(shard): _position(value)
            for key, value in found.items()
            if (shard := key.removeprefix(f"{self._log}/")) != key
        }

    async def _stored(self) -> dict[str, bytes]:
        """What is kept of this log: the newest value by key."""
        where = TopicPartition(POSITIONS, 0)
        # To the very end: another log's transaction that is still open must not hide what stands behind it.
        async with self._reader("read_uncommitted") as reader:
            end = (await reader.end_offsets([where]))[where]
        found: dict[str, bytes] = {}
        async with self._reader("read_committed") as reader, asyncio.timeout(TRANSACTION_S + ANSWERS_WITHIN_S):
            reader.assign([where])
            await reader.seek_to_beginning(where)
            while await reader.position(where) < end:
                for record in (await reader.getmany(where, timeout_ms=100)).get(where, ()):
                    key = (record.key or b"").decode()
                    if record.value is not None and self._log in (key, key.rpartition("/")[0]):
                        found[key] = record.value
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

    async def put(
        self,
        messages: Sequence[Message],
        positions: Mapping[int, Position],
        sure: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """See the port."""
        content: list[_Outgoing] = [(m.topic, m.key, m.value, m.headers) for m in messages]
        standing: list[_Outgoing] = [
            (POSITIONS, f"{self._log}/{shard}".encode(), to_json(position), []) for shard, position in positions.items()
        ]
        if self._transactions:
            await self._put([*content, *standing], sure)
        else:
            await _see_to_it(sure)
            await self._put(content)
            await self._put(standing)

    async def _put(self, content: list[_Outgoing], sure: Callable[[], Awaitable[bool]] | None = None) -> None:
        """In a transaction, if there are any, which ends where it is sure that it may."""
        producer = self._producer
        if producer is None:
            raise OutputAway(f"{self._address}: not open")
        began_at = time.time()
        async with self._plainly():
            try:
                async with asyncio.timeout(TRANSACTION_S + ANSWERS_WITHIN_S):
                    if self._transactions:
                        await producer.begin_transaction()
                    await self._send(producer, content)
                    await _see_to_it(sure)
                    if self._transactions:
                        await producer.commit_transaction()
            except (ProducerFenced, InvalidProducerEpoch) as error:
                raise await self._shut_out(time.time() - began_at) from error

    async def _shut_out(self, after_s: float) -> Exception:
        """Why Kafka takes nothing more from this relay: another one has begun, or it took too long itself."""
        for _ in range(_LOOKS):  # the other says who it is a little after it shut this one out
            stored = (await self._stored()).get(self._log)
            owner = msgspec.json.decode(stored, type=_Owner) if stored else self._owner
            if owner != self._owner:
                who = f"the relay of process {owner.process} on {owner.host}"
                break
            if after_s >= TRANSACTION_S:
                return OutputAway(f"{self._address}: a transaction was given up, for it took too long")
            who = "another relay"
            await asyncio.sleep(_LOOK_S)
        return Fenced(f"{self._address}: {who} publishes the log {self._log} since; this one ends, nothing is lost")

    async def _send(self, producer: AIOKafkaProducer, messages: Iterable[_Outgoing]) -> None:
        """Send messages, in order within a partition; acknowledged when this returns."""
        builders: dict[tuple[str, int], Any] = {}
        sent: list[asyncio.Future[Any]] = []

        async def pass_on(place: tuple[str, int]) -> None:
            topic, partition = place
            builder = builders.pop(place)
            builder.close()
            future = await producer.send_batch(builder, topic, partition=partition)
            future.add_done_callback(heard)  # also if something else fails before
            sent.append(future)

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
        except NEEDS_A_PERSON as error:
            raise OutputUnusable(f"{self._address}: {said(error)}; see the broker's rights and limits") from error
        except (KafkaError, TimeoutError, OSError) as error:
            raise OutputAway(f"{self._address}: {said(error)}; check that Kafka runs and can be reached") from error


async def _see_to_it(sure: Callable[[], Awaitable[bool]] | None) -> None:
    """Raise NotWritten unless it is sure. A transaction is left open then: whoever opens the output next ends it."""
    if sure is not None and not await sure():
        raise NotWritten

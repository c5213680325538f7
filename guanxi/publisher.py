"""Publishing records on Kafka, for core systems written in Python and for `guanxi publish`.

    async with Publisher("host:9092") as publisher:
        await publisher.publish(b'{"event_id":"1","source":"core","type":"deposit",…}')
        await publisher.flush()  # everything published so far is acknowledged

A record goes to the topic of its type, under its customer's key, into the partition that Kafka's Java clients would
choose (CONTRACT §1). Records of a customer stay in order. What is sent again after a failure is stored once. The close
of a business day is sent when everything before it is acknowledged, and its copies (``processors.calendar_copy``) go into
every partition ahead of what is published next: so the days of a file that is published at once stay apart. The worker
copies it as well, which is a repeat.
"""

import asyncio
import re
from collections import deque
from collections.abc import Iterable
from functools import partial
from types import TracebackType
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from events.catalog import CALENDAR, CUSTOMERS, INTERACTIONS, TOPIC_OF, TRANSACTIONS
from guanxi.errors import UserError
from infra.kafka_client import drop, partitions, said
from processors.closes import close_in
from processors.gate import CALENDAR_HEADER
from processors.partition import partition_of

BATCH_BYTES: Final = 512 * 1024
WAITING_BYTES: Final = 32 << 20
"""Who publishes waits while more than this is not acknowledged."""
LONGEST_KEY: Final = 256
"""64 characters at most; what is longer is no customer's."""
LONGEST_BYTES: Final = 1_048_588 - LONGEST_KEY - 100
"""A line that is longer is not published: with key and envelope a broker refuses it unless told otherwise."""
LINGER_S: Final = 0.005
CONNECT_S: Final = 15
_HEADER_BYTES: Final = 64
_KNOWN_CUSTOMERS: Final = 1_000_000

_NAMED = re.compile(rb'"customer_id"\s*:\s*"([^"\\\x00-\x1f]{1,256})"')


class _Envelope(msgspec.Struct, gc=False):
    type: str | None = None
    customer_id: str | None = None


_envelope = msgspec.json.Decoder(_Envelope).decode


class NotAcknowledged(UserError):
    """The broker did not take records: how many, why."""

    exit_code = 1


class TooLong(UserError):
    """A line that no broker takes."""


class _Lane:
    """One partition of a topic: batches leave in the order in which they were filled."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic, self.partition = topic, partition
        self.filling: Any = None
        self.filled: deque[tuple[Any, int, int]] = deque()
        self.copies = 0
        self.sender: asyncio.Task[None] | None = None


class Publisher:
    """See the module. kafka: `host:port`, several with commas. Raises UserError where no broker answers.

    linger_s: how long a record waits for others to share its batch.
    """

    def __init__(self, kafka: str, *, linger_s: float = LINGER_S) -> None:
        self.published = 0
        """Records that were acknowledged."""
        self.pending = 0
        """Records that were not, yet."""
        self.odd = 0
        """Lines published that are no record of any known type: the log refuses them."""
        self._kafka, self._linger_s = kafka, linger_s
        self._producer: Any = None
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._partitions: dict[str, int] = {}
        self._partition_of: dict[str, int] = {}
        self._bytes = 0
        self._turn = 0
        self._moved = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._failure: BaseException | None = None
        self._closing = asyncio.Lock()
        self._closed_at = -1
        """Offset of the last record in the calendar."""

    # ------------------------------------------------------------------------------------------ publishing

    async def publish(self, line: bytes) -> None:
        """Publish one record, or any other line; it leaves soon. Raises NotAcknowledged where an earlier one was refused."""
        await self.publish_all((line,))

    async def publish_all(self, lines: Iterable[bytes]) -> None:
        """Publish records in order, one a line; empty lines are none. Raises NotAcknowledged, TooLong."""
        for line in lines:
            if line:
                topic, customer_id = self._read(line)
                if topic == CALENDAR:
                    await self._close_day(line)
                else:
                    self._put(topic, customer_id, line)
                if self._bytes > WAITING_BYTES:
                    await self._drained(WAITING_BYTES // 2)
        self._check()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._linger_s, self._leave)

    async def flush(self) -> None:
        """Return when everything published so far is acknowledged. Raises NotAcknowledged."""
        self._leave()
        await self._drained(0)

    async def _close_day(self, line: bytes) -> None:
        """Publish what belongs in the calendar and, of a close, a copy into every partition."""
        async with self._closing:
            await self.flush()
            self._put(CALENDAR, None, line)
            await self.flush()
            if close_in(line) is not None and self._closed_at >= 0 and len(line) < LONGEST_BYTES - _HEADER_BYTES:
                header = [(CALENDAR_HEADER, str(self._closed_at).encode())]
                for lane in self._lanes.values():
                    if lane.topic != CALENDAR:
                        self._append(lane, None, line, header)
                        lane.copies += 1

    def _read(self, line: bytes) -> tuple[str, str | None]:
        """Topic and customer of a line; of what is no record, where the log will see it and refuse it."""
        try:
            found = _envelope(line)
            topic = TOPIC_OF.get(found.type or "")
            if topic is not None and (found.customer_id is not None or topic == CALENDAR):
                return topic, found.customer_id
            customer_id = found.customer_id
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            named = _NAMED.search(line)
            customer_id = named[1].decode("utf-8", "replace") if named else None
            topic = None
        self.odd += 1
        return topic or TRANSACTIONS, customer_id

    def _put(self, topic: str, customer_id: str | None, line: bytes) -> None:
        if len(line) > LONGEST_BYTES:
            raise TooLong(f"{len(line):,} bytes; {LONGEST_BYTES:,} can be published", do="shorten memo or ext")
        if topic == CALENDAR:
            key, partition = None, 0
        elif customer_id is None or len(customer_id) > LONGEST_KEY // 4:
            self._turn += 1
            key, partition = None, self._turn % self._partitions[topic]
        else:
            known = self._partition_of.get(customer_id)
            if known is None:
                if len(self._partition_of) >= _KNOWN_CUSTOMERS:
                    self._partition_of.clear()
                known = self._partition_of[customer_id] = partition_of(customer_id, self._partitions[topic])
            key, partition = customer_id.encode(), known
        self._append(self._lanes[topic, partition], key, line, [])
        self.pending += 1

    def _append(self, lane: _Lane, key: bytes | None, line: bytes, headers: list[tuple[str, bytes]]) -> None:
        if lane.filling is None:
            lane.filling = self._producer.create_batch()
        if lane.filling.append(timestamp=None, key=key, value=line, headers=headers) is None:
            self._close(lane)
            lane.filling = self._producer.create_batch()
            lane.filling.append(timestamp=None, key=key, value=line, headers=headers)

    # ------------------------------------------------------------------------------------------ batches

    def _leave(self) -> None:
        """Let every batch go as it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for lane in self._lanes.values():
            if lane.filling is not None:
                self._close(lane)

    def _close(self, lane: _Lane) -> None:
        batch, lane.filling = lane.filling, None
        batch.close()
        self._bytes += batch.size()
        lane.filled.append((batch, batch.size(), batch.record_count() - lane.copies))
        lane.copies = 0
        if lane.sender is None or lane.sender.done():
            lane.sender = asyncio.create_task(self._send(lane))

    async def _send(self, lane: _Lane) -> None:
        """Send the batches of a lane: the next is handed over when the one before has left."""
        while lane.filled:
            batch, size, records = lane.filled.popleft()
            arrived = partial(self._arrived, lane.topic, records, size)
            try:
                sent = await self._producer.send_batch(batch, lane.topic, partition=lane.partition)
            except KafkaError as error:
                arrived(None, error)
            else:
                sent.add_done_callback(lambda done, arrived=arrived: arrived(done, _error_of(done)))

    def _arrived(
        self, topic: str, records: int, size: int, done: "asyncio.Future[Any] | None", error: BaseException | None
    ) -> None:
        if error is None and done is not None:
            self.published += records
            if topic == CALENDAR:
                self._closed_at = done.result().offset
            self.pending -= records
        elif self._failure is None:
            self._failure = error
        self._bytes -= size
        self._moved.set()

    async def _drained(self, most: int) -> None:
        """Wait until no more than so many bytes are under way."""
        while self._bytes > most:
            self._check()
            self._moved.clear()
            await self._moved.wait()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise NotAcknowledged(
                f"{self.pending:,} records were not acknowledged ({said(self._failure)})", self._kafka,
                "publish them again when that is mended; what arrived is known by its event_id",
            )  # fmt: skip

    # ------------------------------------------------------------------------------------------ opening

    async def __aenter__(self) -> "Publisher":
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._kafka,
            client_id="guanxi-publisher",
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * LONGEST_BYTES,
        )
        try:
            await asyncio.wait_for(self._producer.start(), CONNECT_S)
            self._partitions = await partitions(self._producer, TRANSACTIONS, CUSTOMERS, INTERACTIONS, CALENDAR)
            self._see_topics()
        except (KafkaError, TimeoutError, OSError) as error:
            await drop(self._producer)
            raise UserError(said(error), self._kafka, "check that Kafka runs there and can be reached") from error
        except BaseException:
            await drop(self._producer)
            raise
        self._lanes = {
            (topic, number): _Lane(topic, number)
            for topic, count in self._partitions.items()
            for number in range(count)
        }
        return self

    def _see_topics(self) -> None:
        for topic in (TRANSACTIONS, CUSTOMERS, INTERACTIONS, CALENDAR):
            if topic not in self._partitions:
                raise UserError(f"there is no topic {topic}", self._kafka, "make it as infra/cluster/topics.txt says")
        counts = {self._partitions[topic] for topic in (TRANSACTIONS, CUSTOMERS, INTERACTIONS)}
        if len(counts) > 1:
            raise UserError(
                f"the topics of customers have {sorted(counts)} partitions; they must have the same number",
                self._kafka, "make them anew: a customer's records must meet in one partition",
            )  # fmt: skip

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Everything is acknowledged after this, unless an error left the block: then what was under way is dropped."""
        try:
            if kind is None:
                await self.flush()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            for lane in self._lanes.values():
                if lane.sender is not None:
                    lane.sender.cancel()
            await drop(self._producer)


def _error_of(done: "asyncio.Future[Any]") -> BaseException | None:
    return asyncio.CancelledError() if done.cancelled() else done.exception()

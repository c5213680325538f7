"""Copies what is published on ``bank.calendar.v1`` into the topics of records: time has to reach every shard (DOMAIN §6).

A close goes into every partition of the topics with the same bytes and a header that names its offset in the calendar. The
source publishes it after its postings are acknowledged, so a copy made after reading it stands behind all of them. What is
no close goes to one partition alone: the shard there refuses it under its place in the calendar, so that the publisher is
told once; nothing of the calendar is dropped, and nothing holds up what is behind it.

The offset is committed when every copy is acknowledged by all replicas. Killed before that, the next one copies again:
a gate passes repeats (``processors.gate``), so a close comes at least once and in the order of the calendar. One of the group
does the work, since the calendar has one partition; another takes over when it is gone.

A service with a consumer of its own, and not an agent of Faust: Faust marks as done what an agent fails on and what waits
in its queue while the group changes; a close lost that way would be missing for good. Its consumer may also stay without a
fetch after a change of the group (open upstream). Here whatever fails is begun again from the committed offset.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from typing import Any, Final

import mode
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from events.catalog import CALENDAR
from processors.closes import close_in
from processors.gate import CALENDAR_HEADER

TRY_AGAIN_S, TRY_AGAIN_AT_MOST_S = 0.25, 30.0
SESSION_S: Final = 10
POLL_S: Final = 0.5
CLOSE_S: Final = 5
_LARGEST_REQUEST: Final = 64 << 20
"""The broker says what is too large."""
_KEPT_OF_TOO_LARGE: Final = 65_536

logger = logging.getLogger("guanxi.calendar")


class Unfit(Exception):
    """The calendar cannot be copied as the topics are: what is wrong, where, what to do."""


def group_of(log_name: str) -> str:
    """The group under which the calendar is copied for a log."""
    return f"guanxi-calendar-{log_name}"


class CalendarCopy(mode.Service):
    """See the module.

    address: of the broker, `host:port`, several with commas; topics: those of records, what is no close goes to partition 0
    of the first; shards: of the log, so the number of partitions that each of the topics must have.
    """

    def __init__(
        self, address: str, log_name: str, topics: Sequence[str], shards: int, calendar: str = CALENDAR, **named: Any
    ) -> None:
        super().__init__(**named)
        self._address, self._topics, self._shards, self._calendar = address, tuple(topics), shards, calendar
        self._group = group_of(log_name)
        self.trouble = ""
        """Why nothing is copied; empty while all is well, also while another of the group does it."""
        self.copied: int | None = None
        """Offset of the last record of the calendar that this one copied."""

    @mode.Service.task
    async def _run(self) -> None:
        failures = 0
        while not self.should_stop:
            before = self.copied
            try:
                await self._copy_from_committed()
            except Exception as error:  # whatever it is: records are taken meanwhile, and trying again costs nothing
                failures = 1 if self.copied != before else failures + 1
                wait_s = min(TRY_AGAIN_S * 2 ** (failures - 1), TRY_AGAIN_AT_MOST_S)
                self.trouble = self._plainly(error)
                logger.warning("%s; trying again in %.1f s", self.trouble, wait_s)
                await self.sleep(wait_s)

    def _plainly(self, error: Exception) -> str:
        if isinstance(error, Unfit):
            return str(error)
        said = " ".join(str(error).split()) or type(error).__name__
        return f"{self._calendar} at {self._address}: {said}; check that the broker runs and can be reached"

    async def _copy_from_committed(self) -> None:
        """Copy until the service is to stop. Raises what goes wrong; nothing is left open."""
        async with _started(self._producer()) as producer:
            await self._partitions(producer)  # ahead of the consumer, which waits long for a topic that is not there
            async with _started(self._consumer()) as consumer:
                await self._copy_all(consumer, producer)

    async def _copy_all(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        while not self.should_stop:
            found = await consumer.getmany(timeout_ms=int(POLL_S * 1000), max_records=1)
            self.trouble = ""
            for partition, (record,) in found.items():
                await self._copy(producer, record.offset, record.value)
                # Refused if the partition was given to another meanwhile: that one copies it again.
                await consumer.commit({partition: record.offset + 1})
                self.copied = record.offset

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            self._calendar,
            bootstrap_servers=self._address,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # also when the group's offsets have lapsed: repeats are harmless
            isolation_level="read_committed",
            session_timeout_ms=SESSION_S * 1000,
            heartbeat_interval_ms=SESSION_S * 1000 // 5,
        )

    def _producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._address,
            enable_idempotence=True,
            acks="all",
            compression_type="gzip",  # with its header a record may be larger than a broker takes
            max_request_size=_LARGEST_REQUEST,
        )

    async def _copy(self, producer: AIOKafkaProducer, offset: int, value: bytes | None) -> None:
        """Copy one record of the calendar; every copy is acknowledged when this returns."""
        if close_in(value) is None:
            await self._stray(producer, offset, value)
            return
        assert value is not None
        partitions = await self._partitions(producer)
        copies = (self._send(producer, to, offset, value) for to in partitions)
        try:
            await _all(copies)
        except MessageSizeTooLargeError:
            await self._stray(producer, offset, value)

    async def _stray(self, producer: AIOKafkaProducer, offset: int, value: bytes | None) -> None:
        """Send what cannot be a close in every shard to one of them, which refuses it."""
        logger.warning("%s 0: offset %d is not a close that can be copied; it is refused", self._calendar, offset)
        try:
            await self._send(producer, (self._topics[0], 0), offset, value or b"")
        except MessageSizeTooLargeError:
            await self._send(producer, (self._topics[0], 0), offset, (value or b"")[:_KEPT_OF_TOO_LARGE])

    async def _send(self, producer: AIOKafkaProducer, to: tuple[str, int], offset: int, value: bytes) -> None:
        topic, partition = to
        headers = [(CALENDAR_HEADER, str(offset).encode())]
        await producer.send_and_wait(topic, value, partition=partition, headers=headers)

    async def _partitions(self, producer: AIOKafkaProducer) -> list[tuple[str, int]]:
        """Every partition of the topics, as the broker has them now. Raises Unfit unless they are the log's shards."""
        every = (self._calendar, *self._topics)
        for topic in every:
            producer.client.add_topic(topic)
        await producer.client.force_metadata_update()
        found = {topic: len(producer.client.cluster.partitions_for_topic(topic) or ()) for topic in every}
        if (calendars := found.pop(self._calendar)) != 1:
            raise Unfit(
                f"{self._calendar}: {f'{calendars} partitions' if calendars else 'there is no such topic'}, and no close is "
                "copied; make it with one partition, which is their order"
            )
        if set(found.values()) != {self._shards}:
            said = ", ".join(f"{topic} {count or 'missing'}" for topic, count in found.items())
            raise Unfit(
                f"partitions: {said}; the log has {self._shards} shards and no close is copied before each of these topics "
                "has as many; make the topics anew with that number, growing a topic puts customers elsewhere"
            )
        return [(topic, partition) for topic in self._topics for partition in range(self._shards)]


async def _all(sends: Iterable[Awaitable[None]]) -> None:
    """Wait for all, also when one fails; raises the first failure then."""
    for result in await asyncio.gather(*sends, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


@contextlib.asynccontextmanager
async def _started(client: Any) -> AsyncIterator[Any]:
    """Start a client, and stop it whatever happens, without waiting for a broker that is gone."""
    try:
        await client.start()
        yield client
    finally:
        with contextlib.suppress(KafkaError, OSError, asyncio.TimeoutError):
            await asyncio.wait_for(client.stop(), CLOSE_S)

"""The partitions of a group's member, read from Kafka with aiokafka. See ``processors.inputs.Inputs``.

The consumer of Faust itself hands over one message at a time, some 12,000 a second; this one hands over what a fetch
brought. Kafka's own positions are never read: the log's are the truth (``docs/adr/0013-faust-as-the-shell.md``).
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from infra.kafka_topics import look
from processors.inputs import Assigned, Fetched, InputLost, InputsUnusable
from processors.ports import Input
from processors.positions import Found, Stand

SESSION_S: Final = 10
REBALANCE_S: Final = 120
"""So long the group waits for a member that finishes what it does, which may be the close of a month."""
POLL_S: Final = 300
WAIT_MS: Final = 100
"""A fetch that finds nothing is answered after so long; a partition that was full meanwhile has to wait for it."""
PARTITION_BYTES: Final = 4 * 1024 * 1024
FETCH_BYTES: Final = 32 * 1024 * 1024
LITTLE_BYTES: Final = 64 * 1024
"""Behind less than this nothing is fetched ahead: what is published next is fetched when it is asked for, all at once. Else a
fetch is answered with the first record that comes, and each costs the broker and this process as much as a large one."""
CONNECT_S: Final = 10
LEAVE_S: Final = 5

_NONE: Final = TopicPartition("", 0)
"""No partition: aiokafka takes an empty list for all."""


class KafkaInput:
    """See ``processors.inputs.Inputs``.

    address: `host:port`, several with commas; member: a name for the broker's tools; prefix: stands before the name of each
    topic on the broker; session_s: who is not heard of for so long has its partitions given to others.
    """

    def __init__(
        self, address: str, topics: Sequence[str], group: str, member: str, prefix: str = "", session_s: int = SESSION_S
    ) -> None:
        self._address, self._topics, self._group, self._member = address, tuple(topics), group, member
        self._prefix, self._session_s = prefix, session_s
        self._consumer: AIOKafkaConsumer | None = None
        self._resting: set[TopicPartition] = set()
        """Paused until they are polled again."""

    async def join(self, revoked: Assigned, assigned: Assigned) -> None:
        """See the port."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._address,
            client_id=self._member,
            group_id=self._group,
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            check_crcs=True,
            session_timeout_ms=self._session_s * 1000,
            heartbeat_interval_ms=self._session_s * 1000 // 5,
            rebalance_timeout_ms=REBALANCE_S * 1000,
            max_poll_interval_ms=POLL_S * 1000,
            fetch_max_wait_ms=WAIT_MS,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_BYTES,
            metadata_max_age_ms=30_000,  # so soon it is seen that a topic got more partitions
        )
        async with self._told():
            try:
                await asyncio.wait_for(consumer.start(), CONNECT_S)
            except BaseException:
                await _quietly(consumer.stop())
                raise
        self._consumer = consumer
        _hand_over_plainly(consumer)
        consumer.subscribe(
            [self._prefix + topic for topic in self._topics],
            listener=_Listener(consumer, self._input, revoked, self._given(assigned)),
        )

    def _given(self, assigned: Assigned) -> Assigned:
        async def anew(inputs: frozenset[Input]) -> None:
            self._resting = set()  # all are paused now until they are seeked
            await assigned(inputs)

        return anew

    async def leave(self) -> None:
        """See the port."""
        consumer, self._consumer, self._resting = self._consumer, None, set()
        if consumer is not None:
            await _quietly(consumer.stop())

    async def partitions(self) -> Mapping[str, int]:
        """See the port."""
        async with self._told():
            client = AIOKafkaClient(bootstrap_servers=self._address, client_id=self._member)
            try:
                await asyncio.wait_for(client.bootstrap(), CONNECT_S)
                found = await asyncio.wait_for(client.fetch_all_metadata(), CONNECT_S)
            finally:
                await _quietly(client.close())
        return {topic: len(found.partitions_for_topic(self._prefix + topic) or ()) for topic in self._topics}

    async def look(self, stands: Mapping[Input, Stand]) -> Mapping[Input, Found]:
        """See the port."""
        asked = {(self._prefix + topic, partition): stand for (topic, partition), stand in stands.items()}
        found = await asyncio.to_thread(look, self._address, asked)
        return {(topic.removeprefix(self._prefix), partition): each for (topic, partition), each in found.items()}

    async def poll(self, inputs: Collection[Input], timeout_s: float, most: int) -> list[Fetched]:
        """See the port."""
        wanted = [self._partition(source) for source in inputs] or [_NONE]
        self._go_on()
        async with self._told():
            found = await self._joined.getmany(*wanted, timeout_ms=int(timeout_s * 1000), max_records=most)
        fetched = [_fetched(self._input(partition), records) for partition, records in found.items()]
        if fetched and sum(each.size for each in fetched) < LITTLE_BYTES:
            self._rest()
        return fetched

    def _rest(self) -> None:
        """Fetch nothing ahead until the next poll. Right behind a poll: the next fetch has not been sent."""
        consumer = self._joined
        self._resting = set(consumer.assignment()) - consumer.paused()
        consumer.pause(*self._resting)

    def _go_on(self) -> None:
        resting, self._resting = self._resting, set()
        if resting and self._consumer is not None:
            self._consumer.resume(*resting & self._consumer.assignment())

    def seek(self, positions: Mapping[Input, int]) -> None:
        """See the port."""
        assigned = self._joined.assignment()
        for source, offset in positions.items():
            if (partition := self._partition(source)) in assigned:
                self._joined.seek(partition, offset)
                self._joined.resume(partition)
                self._resting.discard(partition)

    async def unread(self, inputs: Collection[Input]) -> Mapping[Input, int]:
        """See the port."""
        found: dict[Input, int] = {}
        for source in inputs:
            partition = self._partition(source)
            if self._consumer is None or partition not in self._consumer.assignment():
                continue
            end = self._consumer.last_stable_offset(partition)
            if end is not None and end >= 0:
                with contextlib.suppress(KafkaError, asyncio.TimeoutError):
                    found[source] = max(end - await asyncio.wait_for(self._consumer.position(partition), 1), 0)
        return found

    def silent_s(self) -> float:
        """See the port."""
        if self._consumer is None:
            return 0.0
        heard = (self._consumer.last_poll_timestamp(partition) for partition in self._consumer.assignment())
        last_ms = max((each for each in heard if each), default=None)
        return max(time.time() - last_ms / 1000, 0.0) if last_ms else 0.0

    async def say(self, positions: Mapping[Input, int]) -> None:
        """See the port."""
        if self._consumer is None:
            return
        assigned = self._consumer.assignment()
        offsets = {p: n for source, n in positions.items() if (p := self._partition(source)) in assigned}
        if offsets:
            with contextlib.suppress(KafkaError, asyncio.TimeoutError, ValueError):
                await asyncio.wait_for(self._consumer.commit(offsets), LEAVE_S)

    def _partition(self, source: Input) -> TopicPartition:
        return TopicPartition(self._prefix + source[0], source[1])

    def _input(self, partition: TopicPartition) -> Input:
        return partition.topic.removeprefix(self._prefix), partition.partition

    @property
    def _joined(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise InputsUnusable(f"{self._address}: not joined")
        return self._consumer

    @contextlib.asynccontextmanager
    async def _told(self) -> AsyncIterator[None]:
        """Tell what aiokafka raises as the port says."""
        try:
            yield
        except OffsetOutOfRangeError as error:
            ((partition, offset), *_) = error.args[0].items()
            said = f"{partition.topic} {partition.partition}: the broker has no offset {offset} any more"
            raise InputLost(said, self._input(partition)) from error
        except (TimeoutError, KafkaError, OSError, AssertionError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise InputsUnusable(
                f"Kafka {self._address}: {said}; check that the broker runs and can be reached"
            ) from error


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hands on what the group decided. Raises nothing: aiokafka would only log it."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        name: Callable[[TopicPartition], Input],
        revoked: Assigned,
        assigned: Assigned,
    ) -> None:
        self._consumer, self._name, self._revoked, self._assigned = consumer, name, revoked, assigned

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._revoked(frozenset(map(self._name, revoked)))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        found = list(assigned)
        for partition in found:
            self._consumer.pause(partition)
            self._consumer.seek(partition, 0)  # else it asks the broker for its position, and may find none
        await self._assigned(frozenset(map(self._name, found)))


class _Plain(PartitionRecords):  # type: ignore[misc]
    """Records as they were unpacked, not each once more in a dataclass: a third of what reading costs."""

    def __iter__(self) -> Any:
        return self._records_iterator  # which moves the position by itself: no call of ours in between for each record

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:  # noqa: ARG002 - aiokafka's signature
        return record


class _Results(OrderedDict[TopicPartition, Any]):
    """What was fetched and not handed over: the place where the fetcher's results can be made plain."""

    def __setitem__(self, partition: TopicPartition, result: Any) -> None:
        records = getattr(result, "_partition_records", None)
        if type(records) is PartitionRecords:
            records.__class__ = _Plain
        super().__setitem__(partition, result)


def _hand_over_plainly(consumer: AIOKafkaConsumer) -> None:
    """Both kinds of record have the same fields; so where a later aiokafka is made otherwise, it is only slower."""
    fetcher: Any = getattr(consumer, "_fetcher", None)
    if type(getattr(fetcher, "_records", None)) is OrderedDict:
        fetcher._records = _Results()


def _fetched(source: Input, records: Sequence[Any]) -> Fetched:
    """records: of aiokafka, one at least."""
    keys = [record.key for record in records]
    values = [record.value for record in records]
    return Fetched(
        input=source,
        offsets=[record.offset for record in records],
        end=records[-1].offset + 1,
        keys=keys,
        values=values,
        headers={at: record.headers for at, record in enumerate(records) if record.headers},
        size=_size(keys) + _size(values),
    )


def _size(texts: Sequence[bytes | None]) -> int:
    return sum(map(len, filter(None, texts)))


async def _quietly(what: Any) -> None:
    """Let go of a consumer whatever happens, and wait for no broker that is gone."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(what, LEAVE_S)


logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it cannot do is raised, or tried again

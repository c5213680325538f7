"""The calendar's way into every partition, on a broker: killed between copies, and what cannot be copied."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import MemberToRemove

from events import codec
from processors.calendar_copy import CalendarCopy, group_of
from processors.gate import calendar_offset
from tests.dsl.records import close, deposit
from tests.patience import PATIENCE_S

PARTITIONS = 3
Place = tuple[str, int]


class Calendar:
    """A calendar and the topics that it is copied into, of names of their own."""

    def __init__(self, address: str, admin: KafkaAdminClient) -> None:
        self.address, self.admin = address, admin
        self.log = f"copy-{uuid4().hex[:8]}"
        self.name = f"{self.log}.calendar"
        self.topics = [f"{self.log}.{each}" for each in ("t", "i", "c")]
        self.partitions = dict.fromkeys(self.topics, PARTITIONS)
        self.calendars = 1

    def make(self, **settings: str) -> None:
        wanted = {self.name: self.calendars, **self.partitions}
        topics = {name: {"num_partitions": n, "replication_factor": 1} for name, n in wanted.items()}
        if not self.calendars:
            del topics[self.name]
        topics[self.topics[2]]["configs"] = settings
        self.admin.create_topics(topics)
        self.admin.wait_for_topics(list(topics))

    def publish(self, *values: bytes | None) -> None:
        producer = KafkaProducer(bootstrap_servers=self.address)
        for value in values:
            producer.send(self.name, value=value, key=None if value else b"k").get(10)
        producer.close()

    def service(self) -> CalendarCopy:
        return CalendarCopy(self.address, self.log, self.topics, PARTITIONS, self.name)

    def run(self, until: Callable[[CalendarCopy], bool]) -> CalendarCopy:
        """Run the service in this process until something is so."""

        async def go() -> CalendarCopy:
            service = self.service()
            await service.start()
            while not until(service):
                await asyncio.sleep(0.02)
            await service.stop()
            return service

        return asyncio.run(asyncio.wait_for(go(), PATIENCE_S))

    def run_killed_behind(self, copies: int) -> None:
        said = [self.address, self.log, ",".join(self.topics), str(PARTITIONS), self.name, str(copies)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.processors.calendar_program", *said], timeout=PATIENCE_S, check=False
        )
        assert done.returncode == -signal.SIGKILL
        # The broker would wait for its session to end.
        (group,) = self.admin.describe_groups([group_of(self.log)]).values()
        dead = [MemberToRemove(member_id=member["member_id"]) for member in group["members"]]
        self.admin.remove_group_members(group_of(self.log), dead)

    def held(self) -> dict[Place, list[tuple[int | None, bytes]]]:
        """Everything in the topics: (the offset its header names, value) by partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.address)
        places = [TopicPartition(topic, n) for topic, count in self.partitions.items() for n in range(count)]
        consumer.assign(places)
        ends = consumer.end_offsets(places)
        consumer.seek_to_beginning(*places)
        found: dict[Place, list[tuple[int | None, bytes]]] = {(at.topic, at.partition): [] for at in places}
        while any(consumer.position(at) < end for at, end in ends.items()):
            for at, records in consumer.poll(timeout_ms=200).items():
                found[at.topic, at.partition] += [(calendar_offset(r.headers), r.value) for r in records]
                assert all(record.key is None for record in records)
        consumer.close()
        return found

    def committed(self) -> int | None:
        found = self.admin.list_group_offsets({group_of(self.log): None})
        return next((each.offset for each in found[group_of(self.log)].values()), None)


@pytest.fixture
def calendar(kafka_address: str) -> Iterator[Calendar]:
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    yield Calendar(kafka_address, admin)
    admin.close()


CLOSES = [codec.encode(close(f"2026-01-{day:02}")) for day in range(1, 6)]


def test_killed_between_copies_every_close_comes_everywhere_in_order(calendar: Calendar) -> None:
    calendar.make()
    calendar.publish(*CLOSES)
    calendar.run_killed_behind(9 + 4)  # in the middle of the second
    assert calendar.committed() == 1
    calendar.run(lambda service: service.copied == 4)
    assert calendar.committed() == 5
    held = calendar.held()
    assert len(held) == 9
    for copies in held.values():
        offsets = [offset for offset, _ in copies]
        assert list(dict.fromkeys(offsets)) == [0, 1, 2, 3, 4]
        assert all(value == CLOSES[offset] for offset, value in copies if offset is not None)
    assert any(len(copies) > 5 for copies in held.values())


def test_while_members_come_and_go_every_close_comes_everywhere(calendar: Calendar) -> None:
    calendar.make()

    async def go() -> None:
        running = [calendar.service()]
        await running[0].start()
        for value in CLOSES:
            await asyncio.to_thread(calendar.publish, value)
            running.append(calendar.service())
            await running[-1].start()
            await asyncio.to_thread(calendar.publish, value)
            await running.pop(0).stop()
        while await asyncio.to_thread(calendar.committed) != 2 * len(CLOSES):  # by either of the last two
            await asyncio.sleep(0.1)
        await running[0].stop()

    asyncio.run(asyncio.wait_for(go(), PATIENCE_S))
    for copies in calendar.held().values():
        assert list(dict.fromkeys(offset for offset, _ in copies)) == list(range(2 * len(CLOSES)))


def test_what_is_no_close_goes_to_one_shard_and_holds_up_nothing(calendar: Calendar) -> None:
    calendar.make(**{"max.message.bytes": "2000"})
    noise = "".join(uuid4().hex for _ in range(200))  # which no compression makes small
    large = codec.encode(close("2026-01-09"))[:-1] + b',"ext":{"a":"%s"}}' % noise.encode()
    strays = [b"{", codec.encode(deposit("C1", "A1", "1.00", on="2026-01-01", id="d")), None, large]
    calendar.publish(CLOSES[0], *strays, CLOSES[1])
    calendar.run(lambda service: service.copied == 5)
    held = calendar.held()
    first = held.pop((calendar.topics[0], 0))
    assert [(offset, value) for offset, value in first if value not in CLOSES and value != large] == [
        (1, b"{"), (2, strays[1]), (3, b""),
    ]  # fmt: skip
    assert (4, large) in first
    for place, copies in held.items():
        if place[0] == calendar.topics[2]:
            assert copies == [(0, CLOSES[0]), (5, CLOSES[1])]
    assert calendar.committed() == 6


@pytest.mark.parametrize(
    "made", [{1: 4}, {2: 2}, {0: 4, 1: 4, 2: 4}], ids=["one more", "one less", "other than shards"]
)
def test_with_other_numbers_of_partitions_nothing_is_copied(calendar: Calendar, made: dict[int, int]) -> None:
    for at, count in made.items():
        calendar.partitions[calendar.topics[at]] = count
    calendar.make()
    calendar.publish(CLOSES[0])
    service = calendar.run(lambda service: bool(service.trouble))
    said = ", ".join(f"{topic} {count}" for topic, count in calendar.partitions.items())
    assert service.trouble.startswith(f"partitions: {said}; the log has 3 shards and no close is copied before")
    assert not any(calendar.held().values())
    assert calendar.committed() is None


@pytest.mark.parametrize(("calendars", "said"), [(0, "there is no such topic"), (2, "2 partitions")])
def test_a_calendar_has_one_partition(calendar: Calendar, calendars: int, said: str) -> None:
    calendar.calendars = calendars
    calendar.make()
    service = calendar.run(lambda service: bool(service.trouble))
    assert service.trouble.startswith(f"{calendar.name}: {said}, and no close is copied; make it with one partition")


def test_a_topic_that_grows_stops_the_copies(calendar: Calendar) -> None:
    calendar.make()
    calendar.publish(CLOSES[0])

    def grown(service: CalendarCopy) -> bool:
        if service.copied == 0 and calendar.partitions[calendar.topics[1]] == PARTITIONS:
            calendar.partitions[calendar.topics[1]] = 4
            calendar.admin.create_partitions({calendar.topics[1]: 4})
            calendar.publish(CLOSES[1])
        return bool(service.trouble)

    service = calendar.run(grown)
    assert f"{calendar.topics[1]} 4" in service.trouble
    assert calendar.committed() == 1
    assert {len(copies) for copies in calendar.held().values()} == {0, 1}


def test_a_broker_that_is_not_there_is_said(calendar: Calendar) -> None:
    calendar.address = "127.0.0.1:9"
    service = calendar.run(lambda service: bool(service.trouble))
    assert service.trouble.startswith(f"{calendar.name} at 127.0.0.1:9: ")
    assert service.trouble.endswith("check that the broker runs and can be reached")

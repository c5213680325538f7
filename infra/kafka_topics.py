"""What a broker has of topics: their ids, where partitions begin and end, the record at an offset. With kafka-python.

For what is asked now and then; nothing stays open. aiokafka does not know topic ids.
"""

import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from processors.inputs import InputsUnusable
from processors.marks import mark_of
from processors.ports import Input, Mark
from processors.positions import Found, Stand

ANSWER_S: Final = 10
"""How long a broker is waited for, and the records in all."""
_PARTITION_BYTES: Final = 256 * 1024
_NO_ID: Final = "00000000-0000-0000-0000-000000000000"


def topic_ids(address: str, topics: Collection[str]) -> dict[str, str]:
    """The broker's own id of each topic that there is; empty: none is known. Raises InputsUnusable."""
    with _told(address), _admin(address) as admin:
        return {name: topic_id for name, (topic_id, _) in _described(admin, topics).items()}


def look(address: str, stands: Mapping[Input, Stand]) -> dict[Input, Found]:
    """What a broker has of the inputs in which a log stands; what it does not have is left out. Raises InputsUnusable."""
    with _told(address):
        with _admin(address) as admin:
            described = _described(admin, {topic for topic, _ in stands})
            there = [
                TopicPartition(topic, partition)
                for topic, partition in stands
                if topic in described and partition in described[topic][1]
            ]
            begins = admin.list_partition_offsets(dict.fromkeys(there, OffsetSpec.EARLIEST)) if there else {}
            ends = admin.list_partition_offsets(dict.fromkeys(there, OffsetSpec.LATEST)) if there else {}
        found = {
            (at.topic, at.partition): Found(described[at.topic][0], begins[at].offset, ends[at].offset) for at in there
        }
        lasts = {source: last for source in found if (last := stands[source].last) is not None}
        lasts = {source: last for source, last in lasts.items() if found[source].begin <= last < found[source].end}
        values = _records(address, lasts) if lasts else {}
    return {
        source: Found(each.topic_id, each.begin, each.end, _mark(each, lasts.get(source), values.get(source)))
        for source, each in found.items()
    }


def _mark(found: Found, last: int | None, record: tuple[int, bytes | None] | None) -> Mark | None:
    if record is None or record[0] != last:
        return None
    return mark_of(found.topic_id, *record)


@contextmanager
def _admin(address: str) -> Iterator[KafkaAdminClient]:
    _reach(address)
    admin = KafkaAdminClient(**_client(address))
    try:
        yield admin
    finally:
        admin.close()


def _reach(address: str) -> None:
    """Connect to one of the brokers: the library keeps sockets open to those that are not there. Raises OSError."""
    tried: list[OSError] = []
    for each in address.split(","):
        host, _, port = each.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()
        except OSError as error:
            tried.append(error)
        else:
            return
    raise tried[0]


def _client(address: str) -> dict[str, Any]:
    wait_ms = ANSWER_S * 1000
    return {"bootstrap_servers": address.split(","), "bootstrap_timeout_ms": wait_ms, "request_timeout_ms": wait_ms}


def _described(admin: KafkaAdminClient, topics: Collection[str]) -> dict[str, tuple[str, set[int]]]:
    """Id and partitions of each topic that there is."""
    found = {}
    for topic in admin.describe_topics(list(topics)):
        if not topic["error_code"]:
            topic_id = str(topic.get("topic_id") or "")
            partitions = {each["partition_index"] for each in topic["partitions"]}
            found[topic["name"]] = ("" if topic_id == _NO_ID else topic_id, partitions)
    return found


def _records(address: str, offsets: Mapping[Input, int]) -> dict[Input, tuple[int, bytes | None]]:
    """The first record at or behind an offset in each partition; those without any in time are left out."""
    consumer = KafkaConsumer(**_client(address), enable_auto_commit=False, max_partition_fetch_bytes=_PARTITION_BYTES)
    try:
        places = {TopicPartition(*source): offset for source, offset in offsets.items()}
        consumer.assign(list(places))
        for at, offset in places.items():
            consumer.seek(at, offset)
        found: dict[Input, tuple[int, bytes | None]] = {}
        for _ in range(ANSWER_S * 5):
            for at, records in consumer.poll(timeout_ms=200).items():
                found.setdefault((at.topic, at.partition), (records[0].offset, records[0].value))
                consumer.pause(at)
            if len(found) == len(places):
                break
        else:
            late = ", ".join(f"{topic} {partition}" for topic, partition in sorted(offsets.keys() - found.keys()))
            raise InputsUnusable(f"Kafka {address}: no record of {late} came within {ANSWER_S} s; check the broker")
        return found
    finally:
        consumer.close()


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Tell what kafka-python raises as the port says."""
    try:
        yield
    except (KafkaError, OSError, ValueError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputsUnusable(f"Kafka {address}: {said}; check that the broker runs and can be reached") from error

"""A topic of records is deleted and made again under workers that run: its offsets begin anew, and mean other records.

What was taken stays taken. A shard that stood somewhere in the old topic reads nothing of the new one, and says so, until a
person has it read on from the beginning; then every record of the new topic is taken once.
"""

import threading
import time
from collections import Counter
from typing import Final

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.chaos.auditor import COPY, identity_of, is_fact, record_in
from tests.chaos.players import Player
from tests.chaos.stream import Stream
from tests.chaos.written import RECORDS, Journal, Topics
from tests.patience import PATIENCE_S, patiently
from tests.simulation.auditor import Wrong, expect

TOPIC: Final = RECORDS[0]
DAYS: Final = 5
HELD_S: Final = 8


def recreate(stream: Stream) -> int:
    """Do it to a stream that is quiet -> records of the new topic. Raises Wrong."""
    journal = Journal(stream.log).read()
    before, blocks = journal.heads(), [len(shard) for shard in journal.shards]
    stood = [head.get((TOPIC, number), 0) for number, head in enumerate(before)]
    _make_again(stream)
    stream.load.publish_days(DAYS, 1_000, threading.Event())
    time.sleep(HELD_S)
    held = [head.get((TOPIC, number), 0) for number, head in enumerate(journal.read().heads())]
    expect("positions in a topic that was made again", held, stood)
    if (code := _said(stream, "position", "check")) != 1:
        raise Wrong(f"position check ends with {code} after a topic was made again")
    for number, at in enumerate(stood):
        asked = ("--topic", TOPIC, "--partition", str(number), "--to", "earliest", "--reason", "made again")
        if at and (code := _said(stream, "position", "reset", *asked)):
            raise Wrong(f"position reset ends with {code}")
    wait_until_read(stream, journal)
    topics = patiently(Topics(stream.kafka).read, KafkaError)
    refused = {
        (line.get("topic"), line.get("partition"), line.get("offset"))
        for shard, first in zip(journal.shards, blocks, strict=True)
        for block in shard[first:]
        for line in block.lines
        if line["type"] == "record_refused"
    }
    facts = Counter(
        (number, identity_of(line))
        for number, shard in enumerate(journal.shards)
        for block in shard
        for line in block.lines
        if is_fact(line)
    )
    if repeated := [key for key, times in facts.items() if times > 1]:
        raise Wrong(f"repeated: {len(repeated)} records after a topic was made again, {repeated[:3]}")
    lost, count = [], 0
    for number, messages in topics.of(TOPIC).items():
        for message in messages:
            record = record_in(message.value)
            if COPY in message.headers or (TOPIC, number, message.offset) in refused:
                continue
            count += 1
            if record is None or (number, identity_of(record)) not in facts:
                lost.append((number, message.offset))
    if lost or not count:
        raise Wrong(f"lost: {len(lost)} of {count} records after a topic was made again, {lost[:3]}")
    return count


def _make_again(stream: Stream) -> None:
    until = time.monotonic() + PATIENCE_S
    admin = KafkaAdminClient(bootstrap_servers=stream.kafka)
    try:
        admin.delete_topics([TOPIC])
        while any(topic["name"] == TOPIC for topic in admin.describe_topics()):
            if time.monotonic() > until:
                raise Wrong(f"{TOPIC} cannot be deleted")
            time.sleep(0.2)
    except KafkaError as error:
        raise Wrong(f"{TOPIC} cannot be deleted: {error}") from error
    finally:
        admin.close()
    stream.cluster.up()


def _said(stream: Stream, *words: str) -> int | None:
    """Call a command of the program -> its exit code."""
    asked = Player("position", stream.folder, *words, "--log", stream.log, "--kafka", stream.kafka)
    asked.start()
    return asked.ended()


def wait_until_read(stream: Stream, journal: Journal) -> None:
    """Until every shard stands at the ends of its topics. Raises Wrong."""
    until = time.monotonic() + PATIENCE_S
    while True:
        topics = patiently(Topics(stream.kafka, RECORDS).read, KafkaError)
        heads = journal.read().heads()
        behind = {
            (topic, number): (head.get((topic, number), 0), topics.ends[topic, number])
            for number, head in enumerate(heads)
            for topic in RECORDS
            if head.get((topic, number), 0) != topics.ends[topic, number]
        }
        if not behind:
            return
        if time.monotonic() > until:
            words = "\n".join(worker.last_words() for worker in stream.workers)
            raise Wrong(f"topics are not read on: {behind}\n{words}")
        for worker in stream.workers:
            worker.start()  # one that was given its partitions while there was no such topic has ended
        time.sleep(0.5)

"""Publishing records on a real broker, on topics of the test's own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from guanxi import publisher as module
from guanxi.errors import UserError
from guanxi.publisher import NotAcknowledged, Publisher, TooLong
from infra.cluster.kafka import make_topics
from infra.cluster.topics import TOPICS
from processors.partition import partition_of
from tests.cli.conftest import run
from tests.patience import PATIENCE_S
from tests.projections.world import close, money, opened

PARTITIONS = 3
Found = dict[str, list[list[tuple[bytes | None, bytes]]]]
"""Topic of the contract -> key and value of everything in it, partition by partition."""


@pytest.fixture
def prefix(kafka_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Topics of the test's own, under the names of the contract behind a prefix, which the publisher takes for them."""
    own = f"t{uuid.uuid4().hex[:8]}."
    make_topics(
        kafka_address, PARTITIONS, tuple(t._replace(name=own + t.name) for t in TOPICS if t.name.startswith("bank."))
    )
    for name in ("TRANSACTIONS", "CUSTOMERS", "INTERACTIONS", "CALENDAR"):
        monkeypatch.setattr(module, name, own + getattr(module, name))
    monkeypatch.setattr(module, "TOPIC_OF", {kind: own + topic for kind, topic in module.TOPIC_OF.items()})
    return own


def there(kafka_address: str, prefix: str) -> Found:
    """Of the topics with this prefix."""
    reader = KafkaConsumer(bootstrap_servers=kafka_address, auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        topics = [name for name in reader.topics() if name.startswith(prefix)]
        places = [TopicPartition(name, n) for name in topics for n in sorted(reader.partitions_for_topic(name) or ())]
        reader.assign(places)
        reader.seek_to_beginning(*places)
        ends = reader.end_offsets(places)
        found: dict[Any, list[tuple[bytes | None, bytes]]] = {place: [] for place in places}
        while any(reader.position(place) < ends[place] for place in places):
            for place, records in reader.poll(timeout_ms=100).items():
                found[place] += [(record.key, record.value) for record in records]
        return {t.removeprefix(prefix): [found[p] for p in places if p.topic == t] for t in topics}
    finally:
        reader.close()


def as_lines(*records: dict[str, Any]) -> list[bytes]:
    return [json.dumps(record, ensure_ascii=False).encode() for record in records]


def history(customers: int, days: int) -> list[bytes]:
    names = [f"客户{n}" for n in range(customers)]
    records = [opened(name, f"A-{name}", "2026-01-01") for name in names]
    for day in range(1, days + 1):
        on = f"2026-01-{day:02d}"
        records += [money("deposit", name, f"A-{name}", day, on) for name in names]
        records.append(close(on))
    return as_lines(*records)


def test_each_record_is_where_its_customer_is_in_order(kafka_address: str, prefix: str, tmp_path: Path) -> None:
    lines = history(40, 3)
    (tmp_path / "records.jsonl").write_bytes(b"\n".join(lines))
    done = run("publish", str(tmp_path / "records.jsonl"), "--kafka", kafka_address)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"published {len(lines)} · not acknowledged 0 · ")
    found = there(kafka_address, prefix)
    for partition, messages in enumerate(found["bank.transactions.v1"]):
        of_it = [line for line in lines if (name := json.loads(line).get("customer_id")) is None
                 or partition_of(name, PARTITIONS) == partition]  # fmt: skip
        assert [value for _, value in messages] == of_it
        assert all((key.decode() if key else None) == json.loads(value).get("customer_id") for key, value in messages)
    closes = [(None, line) for line in lines if b"business_day_closed" in line]
    assert found["bank.calendar.v1"] == [closes]
    assert found["bank.customers.v1"] == found["bank.interactions.v1"] == [closes] * PARTITIONS


def test_a_copy_of_a_close_says_where_it_stands_in_the_calendar(kafka_address: str, prefix: str) -> None:
    lines = [*as_lines(close("2026-01-01")), b'{"type":"business_day_closed"}', *as_lines(close("2026-01-02"))]
    assert run("publish", "-", "--kafka", kafka_address, stdin=b"\n".join(lines)).stdout.startswith("published 3 · ")
    reader = KafkaConsumer(bootstrap_servers=kafka_address, auto_offset_reset="earliest", enable_auto_commit=False)
    places = [TopicPartition(f"{prefix}bank.customers.v1", n) for n in range(PARTITIONS)]
    reader.assign(places)
    reader.seek_to_beginning(*places)
    found: list[tuple[int, bytes, Any]] = []
    while len(found) < 2 * PARTITIONS:
        for place, records in reader.poll(timeout_ms=100).items():
            found += [(place.partition, record.value, list(record.headers)) for record in records]
    reader.close()
    assert sorted(found) == [
        (n, line, [("guanxi-calendar", at)])
        for n in range(PARTITIONS)
        for line, at in ((lines[0], b"0"), (lines[2], b"2"))
    ]


def test_what_is_no_record_is_published_to_be_refused(kafka_address: str, prefix: str) -> None:
    lines = [
        b'{"customer_id": "C1", "type": "dep',
        b"no json at all",
        b'{"type":"made_up","customer_id":"C2"}',
        b'{"type":"deposit"}',
        b'{"type":5,"customer_id":"C3"}',
        b'{"type":"branch_visit","customer_id":"C4"}',
    ]
    done = run("publish", "-", "--kafka", kafka_address, stdin=b"\n".join(lines) + b"\n\n")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("published 6 · not acknowledged 0 · ")
    assert "5 of them are no records" in done.stderr
    found = there(kafka_address, prefix)
    sent = {value: key for messages in found["bank.transactions.v1"] for key, value in messages}
    assert sent == {lines[0]: b"C1", lines[1]: None, lines[2]: b"C2", lines[3]: None, lines[4]: b"C3"}
    assert [each for each in found["bank.interactions.v1"] if each] == [[(b"C4", lines[5])]]
    for partition, messages in enumerate(found["bank.transactions.v1"]):
        assert all(partition_of(key.decode(), PARTITIONS) == partition for key, _ in messages if key is not None)


def test_a_close_waits_until_everything_before_it_is_acknowledged(
    kafka_address: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending: list[int] = []

    async def publish() -> None:
        async with Publisher(kafka_address) as publisher:
            put = publisher._put

            def seen(topic: str, *rest: Any) -> None:
                if topic == module.CALENDAR:
                    pending.append(publisher.pending)
                put(topic, *rest)

            monkeypatch.setattr(publisher, "_put", seen)
            for line in history(40, 4):
                await publisher.publish(line)

    asyncio.run(publish())
    assert pending[0] == 0
    assert max(pending) == 0
    assert len(pending) == 4


def test_a_line_that_no_broker_takes_is_told_of_and_the_next_goes_on(
    kafka_address: str, prefix: str, tmp_path: Path
) -> None:
    (line,) = as_lines(opened("C1", "A1", "2026-01-01"))
    file = tmp_path / "long.jsonl"
    file.write_bytes(b"\n".join((line, b"x" * (1 << 20), line)))
    done = run("publish", str(file), "--kafka", kafka_address)
    assert done.exit_code == 1
    assert done.stdout.startswith("published 2 · not acknowledged 0 · too long to publish 1 · ")
    assert f"{file}:2: 1,048,576 bytes are too long" in done.stderr


def test_the_longest_line_arrives(kafka_address: str, prefix: str) -> None:
    async def publish() -> None:
        async with Publisher(kafka_address) as publisher:
            await publisher.publish(b'{"customer_id":"%s"' % (b"C" * 64) + b" " * (module.LONGEST_BYTES - 81))
            with pytest.raises(TooLong):
                await publisher.publish(b"x" * (module.LONGEST_BYTES + 1))

    asyncio.run(publish())
    ((_, value),) = [each for messages in there(kafka_address, prefix)["bank.transactions.v1"] for each in messages]
    assert len(value) == module.LONGEST_BYTES


def test_records_that_a_broker_refuses_are_told_of(
    kafka_address: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_BYTES", 1 << 21)

    async def publish() -> None:
        async with Publisher(kafka_address) as publisher:
            await publisher.publish(b"x" * (1 << 20))
            with pytest.raises(NotAcknowledged, match="1 records were not acknowledged"):
                await publisher.flush()
            raise StopAsyncIteration

    with pytest.raises(StopAsyncIteration):
        asyncio.run(publish())


def test_a_broker_that_is_not_there_and_topics_that_are_not_there_are_told_of(
    kafka_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("publish", "-", "--kafka", "127.0.0.1:9", stdin=b"")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "127.0.0.1:9: no broker answers; check that Kafka runs there" in done.stderr
    assert run("publish", "-", stdin=b"").exit_code == 2
    assert "not the address of a broker" in run("publish", "-", "--kafka", "here", stdin=b"").stderr
    monkeypatch.setattr(module, "CALENDAR", "nobody.made.this")
    with pytest.raises(UserError, match=r"there is no topic nobody\.made\.this"):
        asyncio.run(_opened(kafka_address))


async def _opened(kafka_address: str) -> None:
    async with Publisher(kafka_address):
        pass


@pytest.fixture
def waiting(kafka_address: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that waits for records on its standard input."""
    command = (sys.executable, "-c", "from guanxi.cli import main; main()", "publish", "-", "--kafka", kafka_address)
    started = subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    yield started
    started.kill()
    started.communicate()


def test_what_comes_on_standard_input_leaves_at_once_and_ctrl_c_ends_in_one_line(
    kafka_address: str, waiting: subprocess.Popen[bytes]
) -> None:
    assert waiting.stdin is not None
    mark = uuid.uuid4().hex.encode()
    waiting.stdin.write(b'{"type":"branch_visit","customer_id":"%s"}\n' % mark)
    waiting.stdin.flush()
    while not any(mark in value for part in there(kafka_address, "bank.inter")["actions.v1"] for _, value in part):
        assert waiting.poll() is None
    os.kill(waiting.pid, signal.SIGINT)
    said, complained = waiting.communicate(timeout=PATIENCE_S)
    assert said == b""
    assert complained.decode().startswith("guanxi: stopped: published 1 · not acknowledged 0; publish the same again")
    assert complained.count(b"\n") == 1
    assert waiting.returncode == 130


def test_a_rate_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock of the test's own."""
    from guanxi.cli import publish  # noqa: PLC0415 - with its clock

    now, sent = [0.0], []

    class Kept:
        async def publish_all(self, lines: list[bytes]) -> None:
            sent.append((now[0], len(lines)))

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(publish.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(publish.asyncio, "sleep", sleep)
    job = publish._Job(Kept(), 1000, 100)
    asyncio.run(job._publish([b"x"] * 50))
    asyncio.run(job._publish([b"x"] * 50))
    assert sum(count for _, count in sent) == 100
    assert now[0] == pytest.approx(1.0, abs=0.05)
    for at, _ in sent:
        assert sum(count for when, count in sent if when <= at) <= at * 100 + 2

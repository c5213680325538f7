"""What a worker does to messages, without Kafka and PostgreSQL: CPU time of a record, stage by stage.

Four shards in one process take turns with messages in memory; a block is packed and forgotten. Ids, views and snapshots
are files, as a worker has them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from aggregates.policy import Policy
from benchmarks.measure import Figures, Watch, middle
from benchmarks.report import Row, rate
from benchmarks.stage import Stage
from benchmarks.stages import Stages
from events import codec
from infra import block as layout
from infra.ids import IdIndex
from infra.sqlite_snapshots import SqliteSnapshots
from infra.sqlite_views import SqliteViews
from infra.vault import Vault
from processors import intake as door
from processors.keeper import Keeper, uncollected
from processors.messages import Messages
from processors.partition import partition_of
from processors.ports import Block, Draft, Head, Mark

SHARDS = 4
MESSAGES_A_BLOCK = 5_000
_TOPIC = "bank.transactions.v1"
_CALENDAR = "bank.calendar.v1"
_PARTS: tuple[tuple[str, tuple[tuple[object, str], ...]], ...] = (
    ("decode", ((codec, "decode_batch"),)),
    ("keys and partitions", ((Messages, "refused"),)),
    ("look up", ((door.Intake, "_look_up"),)),
    ("fold plain", ((door, "take_plain"),)),
    ("fold", ((door.Intake, "_take"),)),
    ("days", ((door.Intake, "close_days"), (door.Intake, "take_close"))),
    ("commit", ((door.Intake, "commit"),)),
    ("pack", ((layout, "pack"),)),
    ("ids", ((door.Intake, "_add_ids"), (IdIndex, "flush"))),
    ("views", ((SqliteViews, "put"),)),
    ("snapshot", ((SqliteSnapshots, "save"),)),
    ("checkpoint", ((Keeper, "checkpoint"),)),
)


class Forgetful:
    """A log that packs every block and keeps the last one alone."""

    def __init__(self, number: int) -> None:
        self.name, self.shard = "bench", bytes([number]) * 16
        self.stored_bytes = 0
        self._head = Head(0, 0, {}, {})
        self._last = b""

    def head(self) -> Head:
        """See the port."""
        return self._head

    def append(self, draft: Draft) -> int:
        """See the port."""
        self._last, self._head = layout.pack(self.shard, self._head, draft)
        self.stored_bytes += len(self._last)
        return self._head.block

    def settle(self) -> None:
        """See the port; nothing is kept that could be lost."""

    def block(self, number: int) -> Block:
        """See the port; only the last block is there."""
        if number != self._head.block:
            raise KeyError(number)
        return layout.unpack(self._last, number)

    def blocks(self, after: int = 0) -> Iterator[Block]:
        """See the port; only the last block is there."""
        return iter([self.block(self._head.block)] if after + 1 == self._head.block else ())

    def customers(self, number: int) -> bytes:
        """See the port."""
        return self.block(number).customers

    def refresh(self) -> None:
        """See the port."""

    def close(self) -> None:
        """See the port."""


class Shard:
    """One shard with its files in a folder."""

    def __init__(self, number: int, folder: Path) -> None:
        place = str(folder / f"shard-{number}")
        self.number, self.next = number, 0
        self.log = Forgetful(number)
        self.vault = Vault(":memory:", b"k" * 32)
        views = SqliteViews(f"{place}-views", write=True)
        snapshots = SqliteSnapshots(f"{place}-snapshot")
        ids = IdIndex(f"{place}-ids")
        self.keeper = Keeper(self.log, ids, self.vault, snapshots, views, lambda: "2026-01-01T00:00:00.000Z")
        self.keeper.recover()
        self.keeper.activate(Policy())

    def take(self, keys: list[bytes], values: list[bytes]) -> None:
        """Take messages that follow the last ones."""
        first, self.next = self.next, self.next + len(values)
        messages = Messages(_TOPIC, self.number, SHARDS, range(first, self.next), self.next, keys, values)
        mark = Mark(self.next, "bench", 0)
        self.keeper.intake.take_messages(door.Origin((_TOPIC, self.number)), messages, lambda _: mark)
        if self.keeper.due:
            self.keeper.checkpoint()

    def close_day(self, line: bytes) -> None:
        """Take a close."""
        self.next += 1
        copies = {(_TOPIC, self.number): self.next - 1}
        marks = {(_TOPIC, self.number): Mark(self.next, "bench", 0)}
        self.keeper.intake.take_close(copies, line, marks)


def ours(source: str, folder: str, stages: bool = False) -> Figures:
    """Take a file as messages of four partitions, shards in turn; leaving writes what is derived."""
    watched = Stages(time.process_time)
    if stages:
        for stage, functions in _PARTS:
            for owner, name in functions:
                watched.watch(owner, name, stage)
    shards = [Shard(number, Path(folder)) for number in range(SHARDS)]
    turns = list(_turns(source, shards))
    with Watch() as watch, uncollected():
        for turn in turns:
            turn()
        for shard in shards:
            shard.keeper.checkpoint()
    figures = watch.figures(
        records=sum(shard.next for shard in shards),
        stored_bytes=sum(shard.log.stored_bytes for shard in shards),
        decisions=sum(shard.keeper.intake.counts.decisions for shard in shards),
        refused=sum(shard.keeper.intake.counts.refused for shard in shards),
    )
    figures["stages"] = watched.own_s
    return figures


class _Keyed(msgspec.Struct, gc=False):
    customer_id: str = ""


def _turns(source: str, shards: list[Shard]) -> Iterator[Callable[[], None]]:
    """What is done in order: a block of messages into a shard, or a day closed in one."""
    decode = msgspec.json.Decoder(_Keyed).decode
    places: dict[str, int] = {}
    waiting: list[tuple[list[bytes], list[bytes]]] = [([], []) for _ in shards]

    def take(number: int) -> Callable[[], None]:
        keys, values = waiting[number]
        waiting[number] = [], []
        return lambda: shards[number].take(keys, values)

    with open(source, "rb", buffering=1 << 20) as file:
        for line in file:
            customer_id = decode(line).customer_id
            if not customer_id:
                for number, shard in enumerate(shards):
                    if waiting[number][0]:
                        yield take(number)
                    yield lambda shard=shard, line=line: shard.close_day(line.rstrip())
                continue
            number = places.get(customer_id, -1)
            if number < 0:
                number = places[customer_id] = partition_of(customer_id, SHARDS)
            keys, values = waiting[number]
            keys.append(customer_id.encode())
            values.append(line[:-1])
            if len(values) == MESSAGES_A_BLOCK:
                yield take(number)
    for number in range(len(shards)):
        if waiting[number][0]:
            yield take(number)


def run(stage: Stage) -> Iterator[Row]:
    """The standard input; then once more with every stage timed."""
    source = stage.source()
    runs = []
    for _ in range(stage.options.runs):
        folder = stage.folder()
        runs.append(stage.alone("fold:ours", source=source, folder=folder))
        stage.drop(folder)
    figures = middle(runs)
    if figures["refused"]:
        raise RuntimeError(f"{figures['refused']} records of the standard input were refused")
    cost = f"{figures['cpu_s'] / figures['records'] * 1e6:.2f} µs CPU a record"
    yield Row("fold", rate(figures["records"], figures["cpu_s"]), figures, cost)
    folder = stage.folder()
    figures = stage.alone("fold:ours", source=source, folder=folder, stages=True)
    stage.drop(folder)
    yield from _rows(figures["stages"], figures)


def _rows(stages: Mapping[str, float], figures: Figures) -> Iterator[Row]:
    records = figures["records"]
    left = {"the rest": figures["cpu_s"] - sum(stages.values())}
    for name, cpu_s in sorted({**stages, **left}.items(), key=lambda each: -each[1]):
        share = f"{cpu_s / figures['cpu_s']:.0%}"
        yield Row(f"· {name}", f"{cpu_s / records * 1e6:.3f} µs", {"cpu_s": cpu_s}, share)

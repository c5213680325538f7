"""The intake on a log in memory: for what is decided before a record reaches the shard (identities, bytes, seals)."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import json

from aggregates.policy import Policies, Policy
from aggregates.shard import Shard
from events import codec
from events.decisions import RecordRefused
from events.fields import Record
from processors.erased import open_refused
from processors.intake import Intake, Origin
from processors.ports import Block, Draft, Head, Input, KeyDestroyed, Mark, Words
from processors.stored import Line, decode_lines
from processors.tail import Told

NAME = Path(__file__).stem
FILE: Input = (f"file:{NAME}", 0)


class MemoryLog:
    """Blocks in a list."""

    name, shard = "memory", bytes(16)

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._inputs: dict[Input, int] = {}
        self._marks: dict[Input, Mark] = {}

    def head(self) -> Head:
        lines = self._blocks[-1].first + self._blocks[-1].lines if self._blocks else 0
        return Head(len(self._blocks), lines, dict(self._inputs), dict(self._marks))

    def append(self, draft: Draft) -> int:
        for source, (start, end) in draft.inputs.items():
            assert start == self._inputs.get(source, 0), "a position that does not follow the stored one"
            self._inputs[source] = end
        self._marks.update(draft.marks)
        number = len(self._blocks) + 1
        self._blocks.append(
            Block(number, self.head().lines, len(draft.lines), draft.facts, draft.duplicates, draft.at, 1,
                  draft.customers, b"\n".join(draft.lines))
        )  # fmt: skip
        return number

    def settle(self) -> None:
        """Each block is there already."""

    def blocks(self, after: int = 0) -> Iterator[Block]:
        return iter(self._blocks[after:])

    def block(self, number: int) -> Block:
        return self._blocks[number - 1]

    def customers(self, number: int) -> bytes:
        return self._blocks[number - 1].customers

    def close(self) -> None:
        """Nothing to let go of."""


class MemoryIds:
    """Identities in a dictionary."""

    through, needs_flush = -1, False

    def __init__(self) -> None:
        self._positions: dict[tuple[int, int], list[int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._positions.values()))

    def lookup(self, month: int, keys: Words) -> list[tuple[int, int]]:
        return [(at, each) for at, key in enumerate(keys) for each in self._positions.get((month, int(key)), ())]

    def add(self, month: int, keys: Words, positions: Words) -> None:
        for key, position in zip(keys, positions, strict=True):
            self._positions.setdefault((month, int(key)), []).append(int(position))

    def find(self, key: int) -> list[int]:
        return sorted(each for (_, known), all_ in self._positions.items() if known == key for each in all_)

    def shared_keys(self) -> Iterator[tuple[int, list[int]]]:
        return ((key, self.find(key)) for key in {key for _, key in self._positions} if len(self.find(key)) > 1)

    def flush(self, through: int) -> None:
        """Nothing outlives the test."""

    def close(self) -> None:
        """Nothing to let go of."""


class MemorySeal:
    """Gives a token for a text and keeps the text to itself; a token opens for its customer and context alone."""

    def __init__(self) -> None:
        self._kept: dict[bytes, tuple[str, bytes, bytes]] = {}
        self.destroyed: set[str] = set()

    def seal(self, customer_id: str, plaintext: bytes, context: bytes) -> bytes:
        if customer_id in self.destroyed:
            raise KeyDestroyed(customer_id)
        token = hashlib.sha256(repr((len(self._kept), customer_id, context)).encode()).digest()
        self._kept[token] = (customer_id, plaintext, context)
        return token

    def open(self, customer_id: str, sealed: bytes, context: bytes) -> bytes:
        if customer_id in self.destroyed:
            raise KeyDestroyed(customer_id)
        owner, plaintext, sealed_for = self._kept[sealed]
        assert (owner, sealed_for) == (customer_id, context), "sealed for somebody or something else"
        return plaintext

    def not_destroyed(self, customer_ids: Iterable[str]) -> list[str]:
        return [each for each in customer_ids if each not in self.destroyed]

    def destroy(self, customer_id: str) -> None:
        self.destroyed.add(customer_id)

    def commit(self) -> None:
        """Nothing outlives the test."""


class Door:
    """What a publisher meets: lines go in, each is taken, a duplicate or refused."""

    def __init__(self, *policies: Policy) -> None:
        self.log, self.vault, self.told = MemoryLog(), MemorySeal(), list[Told]()
        self.intake = Intake(
            self.log, Shard(Policies(policies or (Policy(),))), MemoryIds(), self.vault, self.told.append,
            lambda: "2026-01-01T00:00:00Z",
        )  # fmt: skip
        self._lines = 0

    def send(self, *sent: Record | bytes) -> "Door":
        """One batch; records in their shortest form, bytes as they are."""
        lines = [each if isinstance(each, bytes) else codec.encode(each) for each in sent]
        self.intake.take(Origin(FILE, f"{NAME}.jsonl"), self._lines, b"".join(line + b"\n" for line in lines))
        self._lines += len(lines)
        return self

    @property
    def counts(self) -> tuple[int, int, int]:
        """Taken, duplicate, refused."""
        counts = self.intake.counts
        return counts.taken, counts.duplicate, counts.refused

    @property
    def refused(self) -> list[RecordRefused]:
        return [line for line in self.lines() if isinstance(line, RecordRefused)]

    def lines(self) -> list[Line]:
        return [line for block in self.log.blocks() for line in decode_lines(block.body)]

    def original(self, refused: RecordRefused) -> bytes:
        """The bytes of a refused record, as they were sent."""
        return open_refused(refused, self.vault)

    def stored(self) -> bytes:
        """Everything the log holds."""
        return b"\n".join(block.body for block in self.log.blocks())


def written(line: bytes) -> object:
    """A line as plain JSON."""
    return json.decode(line)

"""A shard with its owner, in memory: what our own code fails on is parked, and the rest goes on.

``Failing`` makes the code fail as a mistake in it would: in a rule, with the state half changed; at the close of a day; or
only as a block is put together.
"""

import sys
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from msgspec import UNSET

from aggregates import closing, records
from aggregates.customer import Customer, aum_sum
from aggregates.policy import Policy
from aggregates.shard import Shard
from events import codec
from events.decisions import CustomerUnparked, Decision, IntegrityAlerted, RecordParked
from events.fields import Record
from events.transactions import CREDITS, DEBITS, AccountOpened
from processors import intake
from processors.faults import Faults
from processors.intake import Origin
from processors.keeper import Keeper
from processors.owner import Lines, Owner, Unpark
from processors.ports import Mark, Seal
from processors.stored import Line, decode_lines
from tests.dsl.bank import state_of
from tests.dsl.door import FILE, NAME, MemoryIds, MemoryLog, MemorySeal

_PLAIN = (*CREDITS, *DEBITS, AccountOpened)
"""What is taken many at a time."""


class NoSnapshots:
    """Every keeper begins with the first block."""

    def block(self) -> int:
        return 0

    def standing(self) -> tuple[int, str]:
        return 0, ""

    def load(self) -> None:
        return None

    def save(self, block: int, stamp: str, frame: bytes, chunks: Iterator[bytes]) -> None:
        """Not kept."""

    def discard(self) -> None:
        """There is none."""


class NoViews:
    """Nobody asks."""

    stands = 0

    def tell(self, _: object, customers: Iterable[Customer], shard: Shard, *_more: object) -> None:
        """Heard by nobody, but looked at."""
        known = len(shard.customers)
        assert all(shard.customers.get(each.id) is each for each in customers)
        assert len(shard.customers) == known, "telling began a customer"


class Owned:
    """See the module. Batches are what is sent together; restarts counts the keepers made."""

    def __init__(self) -> None:
        self.log, self.vault = MemoryLog(), MemorySeal()
        self.restarts = -1
        self._lines = 0
        self.owner = Owner(self._opened)
        self.keeper.activate(Policy())

    def _opened(self, faults: Faults) -> Keeper:
        self.restarts += 1
        keeper = Keeper(
            self.log, MemoryIds(), self.vault, NoSnapshots(), NoViews(), lambda: "2026-01-01T00:00:00Z", faults=faults
        )
        keeper.recover()
        return keeper

    @property
    def keeper(self) -> Keeper:
        return self.owner.keeper

    @property
    def shard(self) -> Shard:
        return self.keeper.shard

    def send(self, *sent: Record | bytes) -> tuple[int, int, int, int]:
        """One batch -> taken, duplicate, refused, parked of it."""
        before = self.counts
        lines = [each if isinstance(each, bytes) else codec.encode(each) for each in sent]
        data = b"".join(line + b"\n" for line in lines)
        origin = Origin(FILE, f"{NAME}.jsonl")
        first = self._lines
        self.owner.take(Lines(origin, first, data, lambda count: Mark(0, "", first + count)))
        self._lines += len(lines)
        return self._since(before)

    def unpark(self, customer_id: str = "C1") -> tuple[int, int, int, int]:
        before = self.counts
        self.owner.take(Unpark(customer_id))
        return self._since(before)

    def crash(self) -> None:
        """A new process: nothing is left but the log and the keys."""
        self.owner = Owner(self._opened)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        counts = self.keeper.intake.counts
        return counts.taken, counts.duplicate, counts.refused, counts.parked

    def _since(self, before: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        taken, duplicate, refused, parked = (now - then for now, then in zip(self.counts, before, strict=True))
        return taken, duplicate, refused, parked

    # What a spec may ask

    def lines(self) -> list[Line]:
        return [line for block in self.log.blocks() for line in decode_lines(block.body)]

    def about(self, customer_id: str) -> list[Line]:
        """Lines about a customer, those of parking left out, and what is sealed, which is never the same twice."""
        return [
            msgspec.structs.replace(line, sealed=UNSET) if isinstance(line, Record) else line
            for line in self.lines()
            if getattr(line, "customer_id", None) == customer_id
            and not isinstance(line, RecordParked | CustomerUnparked)
            and not (isinstance(line, IntegrityAlerted) and line.kind == "parked_at_close")
        ]

    def decided(self, kind: type[Decision] | type[Record]) -> list[Any]:
        return [line for line in self.lines() if isinstance(line, kind)]

    def parked(self) -> list[RecordParked]:
        return self.decided(RecordParked)

    def customer(self, customer_id: str = "C1") -> Customer:
        found = self.shard.customers.get(customer_id)
        assert found is not None
        return found

    def check_rebuild(self) -> None:
        """Folded from the log alone, the state is the same."""
        before = state_of(self.shard)
        self.crash()
        assert state_of(self.shard) == before


@contextmanager
def one_by_one() -> Iterator[None]:
    """Every record is judged by itself, so that a rule put into ``records.TAKE`` sees it."""
    with patch.object(intake, "take_plain", lambda _shard, run, *_: next(run, None)):
        yield


class Failing:
    """Makes our code fail, until ``mend``."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch, self._fails = patch, True

    def mend(self) -> None:
        self._fails = False

    def rule(self, when: Callable[[Any], bool]) -> None:
        """Judging a record fails behind having changed half of the state."""

        def wrap(take: Callable[..., Any]) -> Callable[..., Any]:
            def taken(shard: Shard, record: Any, *more: Any) -> Any:
                if self._fails and when(record):
                    for account in shard.customers.ensure(record.customer_id).accounts.values():
                        account.balance += 7
                    shard.totals.clear()
                    raise ZeroDivisionError("张小明 has no money")
                return take(shard, record, *more)

            return taken

        judged, take_plain = wrap(lambda *_: None), intake.take_plain

        def failing(shard: Shard, run: Iterable[tuple[int, Any]], odd: Container[int]) -> Iterator[tuple[int, Any]]:
            for at, record in run:
                if at not in odd and isinstance(record, _PLAIN):
                    judged(shard, record)
                yield at, record

        for kind, take in list(records.TAKE.items()):
            self._patch.setitem(records.TAKE, kind, wrap(take))
        self._patch.setattr(
            intake,
            "take_plain",
            lambda shard, run, odd, *more: take_plain(shard, failing(shard, run, odd), odd, *more),
        )

    def at_close(self, customer_id: str) -> None:
        """Deciding on a customer at a close fails."""

        def summed(customer: Customer, month: int) -> int:
            if self._fails and customer.id == customer_id:
                raise KeyError("张小明")
            return aum_sum(customer, month)

        self._patch.setattr(closing, "aum_sum", summed)

    def sealing(self, event_id: str) -> None:
        """Sealing a record fails."""
        keep = intake.kept

        def kept(record: Record, erased: Container[str], vault: Seal) -> Record:
            if self._fails and record.event_id == event_id:
                raise ZeroDivisionError("三月房租")
            return keep(record, erased, vault)

        self._patch.setattr(intake, "kept", kept)

    def packing(self, customer_id: str) -> None:
        """Putting a block together fails where it holds a record of a customer that was taken in bulk."""
        checksum = intake.crc32

        def crc32(data: bytes) -> int:
            together = sys._getframe(1).f_code.co_name == "_append_plain"
            if self._fails and together and data == customer_id.encode():
                raise OverflowError("too wide")
            return checksum(data)

        self._patch.setattr(intake, "crc32", crc32)

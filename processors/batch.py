"""One batch of records while it is taken: which of them may be known already, and which need no closer look."""

import re
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from aggregates.dates import month_from
from events.codec import CURRENCIES, DAYS, SOURCES, TIMES
from events.decisions import RecordParked
from events.fields import Record
from events.transactions import CREDITS, DEBITS
from processors.faults import Fault
from processors.ports import Words

_SIMPLE = frozenset((*CREDITS, *DEBITS))
_NONE: frozenset[type[Record]] = frozenset()
_ABSENT = {UNSET}
_FACTS = attrgetter("source", "currency", "booked_on", "memo", "counterparty", "ext", "sealed")
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])\Z", re.ASCII)


def plain_types(records: Sequence[Any]) -> tuple[frozenset[type[Record]], frozenset[type[Record]]]:
    """Types of which every record of a batch is well formed, and of these those with nothing to seal; judged all at once."""
    simple = records if _SIMPLE.issuperset(map(type, records)) else [r for r in records if r.__class__ in _SIMPLE]
    if not simple:
        return _NONE, _NONE
    try:
        facts = set(map(_FACTS, simple))
        sources, currencies, booked, *may_seal = map(set, zip(*facts, strict=True))
        dates = {(record.value_date, record.occurred_at[:10]) for record in simple}
        for known, values in (
            (SOURCES, sources),
            (CURRENCIES, currencies),
            (DAYS, booked.union(*dates)),
            (TIMES, {record.occurred_at[10:] for record in simple}),
        ):
            for value in values:
                if value not in known and value is not UNSET:
                    known[value]  # raises ValueError if it is malformed
    except (ValueError, TypeError):  # TypeError: ext cannot be compared
        return _NONE, _NONE
    if any(column != _ABSENT for column in may_seal):
        return _SIMPLE, _NONE
    return _SIMPLE, _SIMPLE


class Batch:
    """One batch while it is taken. placed: line in its block of each record taken, -1 if not (yet) taken."""

    def __init__(self, records: Sequence[Any], keys: Words, months: list[str]) -> None:
        self.records, self.keys, self.months = records, keys, months
        self.placed = [-1] * len(records)
        self.odd: set[int] = set()
        self.held: dict[int, Fault | None] = {}
        """Those that are to be parked: how our code failed on it, None if it waits behind another one."""
        self.waiting: dict[str, list[RecordParked]] = {}
        """What waits of a customer, once it was asked for."""
        self.known: dict[int, list[int]] = {}
        self.repeated: set[int] = set()
        self.taken: dict[int, list[Record]] = {}
        self.checked: frozenset[type[Record]] = _NONE
        self.added = self.reached = 0
        """Records before `added` are in the log; those before `reached` were judged."""

    def by_month(self, start: int = 0, end: int | None = None) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """(month of occurred_at, indexes of its records from `start` to `end`); what is no month is left out."""
        end = len(self.records) if end is None else end
        everything = np.arange(start, end)
        if len(self.months) == 1:
            if _MONTH.match(self.months[0]):
                yield month_from(self.months[0]), everything
            return
        of_each = np.array([r.occurred_at[:7] if isinstance(r, Record) else "" for r in self.records[start:end]])
        for text in self.months:
            if _MONTH.match(text):
                yield month_from(text), everything[of_each == text]

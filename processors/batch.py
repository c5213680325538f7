"""One batch of records while it is taken: which of them may be known already, and which want a closer look."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_digest

from aggregates.dates import Day, month_from
from events.codec import DAYS, TIMES
from events.decisions import RecordParked
from events.fields import Record
from processors.archive import key_of
from processors.faults import Fault
from processors.ports import Words

_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])\Z", re.ASCII)
_USUAL = len("2026-01-31T09:30:00+08:00")
_DATE, _ZONE = slice(0, 10), slice(19, _USUAL)
_LEAST, _MOST = np.array([list(b"T00:00:00"), list(b"T29:59:59")], dtype=np.uint8)
_CLOCK = slice(10, 19)
_FEW = 64
"""So many records are looked at one by one: arrays cost more before they save anything."""


class Batch:
    """One batch while it is taken.

    odd: places of what wants a closer look; known: place -> positions in the log of what may be the same; placed: line in
    its block of each record taken, -1 if not (yet) taken; latest: last value date that is not too far ahead for any record
    that is not odd (DOMAIN §3); today: date of `occurred_at` of all of these, 0 if there are several.
    """

    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records
        self.odd: set[int] = set()
        self.held: dict[int, Fault | None] = {}
        """Those that are to be parked: how our code failed on it, None if it waits behind another one."""
        self.waiting: dict[str, dict[tuple[str | None, str | None], list[RecordParked]]] = {}
        """What waits of a customer by source and event id, once it was asked for."""
        self.known: dict[int, list[int]] = {}
        self.repeated: set[int] = set()
        self.taken: dict[int, list[Record]] = {}
        self.placed = np.full(len(records), -1, dtype=np.int64)
        self.added = self.reached = 0
        """Records before `added` are in the log; those before `reached` were judged."""
        self._read_times()
        self.keys = _keys_of(records)
        if _has_equals(self.keys):
            keys = self.keys.tolist()
            self.repeated = {key for key, n in Counter(keys).items() if n > 1}
            self.odd.update(at for at, key in enumerate(keys) if key in self.repeated)

    def _read_times(self) -> None:
        try:
            times = [r.occurred_at for r in self.records]
        except AttributeError:  # refusals and blank lines among them
            times = [r.occurred_at for r in self.records if isinstance(r, Record)]
        dates = {times[0][:10]} if times and _are_usual(times) else self._dates_one_by_one()
        self.months = sorted({date[:7] for date in dates})
        days = {DAYS.get(date, 0) for date in dates}
        self.latest: Day = min(days, default=0) + 1
        self.today: Day = min(days) if len(days) == 1 else 0

    def _dates_one_by_one(self) -> set[str]:
        """Dates of `occurred_at`; what is not well formed is odd."""
        dates = set()
        for at, record in enumerate(self.records):
            if isinstance(record, Record):
                date, clock = record.occurred_at[:10], record.occurred_at[10:]
                dates.add(date)
                try:
                    DAYS[date]
                    TIMES[clock]
                except ValueError:
                    self.odd.add(at)
        return dates

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


def _are_usual(times: list[str]) -> bool:
    """Whether all are of one date and one offset from UTC, to the second and well formed: looked at all at once."""
    if len(times) <= _FEW:
        return _are_usual_one_by_one(times)
    joined = "".join(times).encode()
    if len(joined) != _USUAL * len(times) or set(map(len, times)) != {_USUAL}:
        return False
    table = np.frombuffer(joined, dtype=np.uint8).reshape(-1, _USUAL)
    first, clock = table[0], table[:, _CLOCK]
    try:
        DAYS[times[0][:10]]
        TIMES[times[0][10:]]
    except ValueError:
        return False
    return bool(
        (table[:, _DATE] == first[_DATE]).all()
        and (table[:, _ZONE] == first[_ZONE]).all()
        and ((clock >= _LEAST) & (clock <= _MOST)).all()
        and ((clock[:, 1] < ord("2")) | (clock[:, 2] <= ord("3"))).all()
    )


def _are_usual_one_by_one(times: list[str]) -> bool:
    first = times[0]
    date, zone = first[_DATE], first[_ZONE]
    try:
        DAYS[date]
        for each in times:
            if len(each) != _USUAL or each[_DATE] != date or each[_ZONE] != zone:
                return False
            TIMES[each[10:]]
    except ValueError:
        return False
    return True


def _has_equals(keys: Words) -> bool:
    if len(keys) <= _FEW:
        return len(set(keys.tolist())) < len(keys)
    ordered = np.sort(keys)
    return bool((ordered[1:] == ordered[:-1]).any())


def _keys_of(records: Sequence[Any]) -> Words:
    """64-bit key of each record's id (``key_of``); 0 for what is no record."""
    if not records:
        return np.empty(0, dtype=np.uint64)
    try:
        ids = [r.event_id for r in records]
        sources = {r.source for r in records}
        if len(sources) == 1:
            (source,) = sources
            head = f"{source}\0"
            texts = (head + f"\n{head}".join(ids)).encode().split(b"\n")
            if len(texts) == len(ids):
                return np.frombuffer(b"".join(map(xxh3_64_digest, texts)), dtype=">u8").astype(np.uint64)
    except (AttributeError, TypeError):  # refusals and blank lines among them
        pass
    keys = [key_of(r.source, r.event_id) if isinstance(r, Record) else 0 for r in records]
    return np.array(keys, dtype=np.uint64)

"""A bank with many customers at the end of a month: one account each, one in ten a VIP, some of them about to move.

It is built through the door, so everything in it is as the system itself would have it: VIPs are brought forward,
balances are opening balances, and movements on most days of January 2026 make month averages. The bank is left with
January's last day open: its close is the month end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import bank
from benchmarks.measure import Figures, Watch
from benchmarks.stage import Stage
from benchmarks.workload import day_close, opening

BEFORE, FIRST, LAST = dt.date(2025, 12, 31), dt.date(2026, 1, 1), dt.date(2026, 1, 31)
ONE_VIP_IN = 10
LEVELS = (("gold", 300_000_00), ("gold", 300_000_00), ("gold", 420_000_00), ("platinum", 900_000_00))
"""Levels in turn, and the balance that such a VIP brings along."""

_MISSES_SHARE, _RISES_SHARE, _ENTERS_SHARE = 0.15, 0.02, 0.005
_SMALL_MINOR = 500_00
_SEED = 7


def build(folder: str, customers: int) -> Figures:
    """Make the bank and leave it on the evening of the last but one day of the month."""
    with Watch() as watch, bank.opened(folder, write=True) as door:
        counts = door.ingest_lines("many", (line.rstrip(b"\n") for line in _january(customers)))
    if counts.refused:
        raise RuntimeError(f"{counts.refused} records were refused")
    return watch.figures(records=counts.taken, decisions=counts.decisions)


def tail(folder: str, customers: int, records: int) -> Figures:
    """Take more records and go without leaving the bank, as after a crash: the snapshot stays behind them."""
    source = np.random.Generator(np.random.PCG64(_SEED + 1))
    who = (source.random(records) * customers).astype(np.int64).tolist()
    door = bank.opened(folder, write=True)
    counts = door.ingest_lines(
        "tail", (_movement(f"z-{at}", each, LAST, _SMALL_MINOR).rstrip(b"\n") for at, each in enumerate(who))
    )
    if counts.refused:
        raise RuntimeError(f"{counts.refused} records were refused")
    return {"records": counts.taken}


def of(stage: Stage) -> Path:
    """The folder of this bank, built once a run."""

    def made(folder: Path) -> None:
        stage.alone("million:build", folder=folder, customers=stage.many_customers)

    return stage.bank("many", made)


def _january(customers: int) -> Iterator[bytes]:
    source = np.random.Generator(np.random.PCG64(_SEED))
    ordinary_minor = (1_000_00 + source.random(customers) * 180_000_00).astype(np.int64).tolist()
    for at in range(customers):
        yield from _arrival(at, ordinary_minor[at])
    chance = source.random(customers)
    yield day_close(FIRST.isoformat())
    for today in range(FIRST.toordinal() + 1, LAST.toordinal()):
        date = dt.date.fromordinal(today)
        if date.day == 3:
            yield from _moves(chance.tolist(), date)
        who = (source.random(customers // 29) ** 2 * customers).astype(np.int64).tolist()
        for number, at in enumerate(who):
            yield _movement(f"s-{date.day}-{number}", at, date, _SMALL_MINOR)
        yield day_close(date.isoformat())


def _arrival(at: int, ordinary_minor: int) -> Iterator[bytes]:
    """A customer with its account; a VIP brings its level along."""
    customer, account = f"C{at:07d}", f"A{at:08d}"
    if at % ONE_VIP_IN:
        yield opening(f"o-{at}", customer, account, FIRST.isoformat(), ordinary_minor)
        return
    level, balance_minor = LEVELS[at // ONE_VIP_IN % len(LEVELS)]
    yield (
        f'{{"event_id":"b-{at}","source":"core","type":"customer_brought_forward","schema_version":1,'
        f'"occurred_at":"{BEFORE}T20:00:00+08:00","customer_id":"{customer}","value_date":"{BEFORE}","state":"vip",'
        f'"level":"{level}","months":[]}}\n'
    ).encode()
    yield opening(f"o-{at}", customer, account, FIRST.isoformat(), balance_minor)


def _moves(chance: list[float], date: dt.date) -> Iterator[bytes]:
    """What makes some VIPs miss their level and others rise, and some ordinary customers enter."""
    for at, drawn in enumerate(chance):
        if at % ONE_VIP_IN:
            if drawn < _ENTERS_SHARE:
                yield _movement(f"m-{at}", at, date, 250_000_00)
        elif drawn < _MISSES_SHARE:
            level, balance_minor = LEVELS[at // ONE_VIP_IN % len(LEVELS)]
            keeps_minor = 100_000_00 if level == "gold" else 300_000_00
            yield _movement(f"m-{at}", at, date, keeps_minor - balance_minor)
        elif drawn < _MISSES_SHARE + _RISES_SHARE:
            yield _movement(f"m-{at}", at, date, 2_500_000_00)


def _movement(event_id: str, at: int, date: dt.date, minor: int) -> bytes:
    kind = "deposit" if minor > 0 else "withdrawal"
    return (
        f'{{"event_id":"{event_id}","source":"core","type":"{kind}","schema_version":1,'
        f'"occurred_at":"{date}T10:00:00+08:00","customer_id":"C{at:07d}","account_id":"A{at:08d}",'
        f'"amount":{abs(minor)},"currency":"CNY","value_date":"{date}"}}\n'
    ).encode()

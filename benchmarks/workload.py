"""The standard input: seeded bank records as the contract has them, always the same bytes for the same shape.

Many customers do little and few do much (the share of records on the most active x of all customers is √x); each has
one to three deposit accounts, opened before their first use. Amounts are lognormal around 15,000 CNY, nothing is drawn
below zero. Value dates follow each other day by day; each day ends with its close, so months end too. A money record
has about 255 bytes.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

VERSION = 1
"""Raised when the same shape gives other bytes."""

_FIRST_DAY = dt.date(2026, 1, 3)
_A_DRAW = 65_536
_CHANNELS = ("counter", "mobile", "atm", "web")
_KINDS = ("deposit", "transfer_in", "withdrawal", "transfer_out")
_KIND_SHARES = (0.35, 0.60, 0.80, 1.0)
_FIRST_OUT = 2
_MEDIAN_MINOR, _SPREAD = 1_470_000, 1.6
_LEAST_OUT_MINOR = 100
_OPENS_AT_S, _HOURS_S = 9 * 3600, 9 * 3600


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What the input looks like. records: of money; memo_share: how many of them carry a memo, which is sealed."""

    records: int = 2_000_000
    customers: int = 100_000
    days: int = 60
    seed: int = 20260103
    memo_share: float = 0.0

    @property
    def name(self) -> str:
        """A file name that tells one shape from every other."""
        memos = f"-{self.memo_share:g}-memos" if self.memo_share else ""
        return f"records-v{VERSION}-{self.records}-of-{self.customers}-in-{self.days}-days-{self.seed}{memos}.jsonl"


def cached(shape: Shape, folder: Path) -> Path:
    """The file of a shape, written if it is not there yet."""
    file = folder / shape.name
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(dir=folder, prefix=shape.name)
        try:
            with open(handle, "wb", buffering=1 << 20) as out:
                out.writelines(records(shape))
            os.replace(unfinished, file)
        except BaseException:
            os.unlink(unfinished)
            raise
    return file


def records(shape: Shape) -> Iterator[bytes]:
    """Every line of a shape, newline included: money, openings and closes in order."""
    days = [(_FIRST_DAY + dt.timedelta(at)).isoformat() for at in range(shape.days)]
    balances: dict[int, int] = {}
    open_day = 0
    for at, (customer, account, kind, amount, has_memo) in enumerate(_draws(shape)):
        today, passed = divmod(at * shape.days, shape.records)
        for gone in range(open_day, today):
            yield day_close(days[gone])
        open_day, date = today, days[today]
        second = _OPENS_AT_S + passed * _HOURS_S // shape.records
        balance = balances.get(account)
        if balance is None:
            balance = 0
            yield opening(f"o-{account:08d}", f"C{customer:07d}", f"A{account:08d}", date)
        if kind >= _FIRST_OUT:
            if balance < _LEAST_OUT_MINOR:
                kind = 0
            amount = min(amount, balance) if kind else amount
        balances[account] = balance - amount if kind >= _FIRST_OUT else balance + amount
        yield (
            f'{{"event_id":"t-{at:09d}","source":"core","type":"{_KINDS[kind]}","schema_version":1,'
            f'"occurred_at":"{date}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}+08:00",'
            f'"customer_id":"C{customer:07d}","account_id":"A{account:08d}","amount":{amount},"currency":"CNY",'
            f'"value_date":"{date}","channel":"{_CHANNELS[at & 3]}"'
            + (f',"memo":"rent, payment {at}"}}\n' if has_memo else "}\n")
        ).encode()
    for gone in range(open_day, shape.days):
        yield day_close(days[gone])


def opening(event_id: str, customer_id: str, account_id: str, date: str, balance_minor: int = 0) -> bytes:
    """A deposit account opened on a day, with its balance if it has one."""
    balance = f',"opening_balance":{balance_minor}' if balance_minor else ""
    return (
        f'{{"event_id":"{event_id}","source":"core","type":"account_opened","schema_version":1,'
        f'"occurred_at":"{date}T08:00:00+08:00","customer_id":"{customer_id}","account_id":"{account_id}",'
        f'"category":"deposit","currency":"CNY","value_date":"{date}"{balance}}}\n'
    ).encode()


def day_close(date: str) -> bytes:
    """The close of a day by the one source there is."""
    return (
        f'{{"event_id":"close-{date}","source":"core","type":"business_day_closed","schema_version":1,'
        f'"occurred_at":"{date}T23:00:00+08:00","date":"{date}"}}\n'
    ).encode()


def _draws(shape: Shape) -> Iterator[tuple[int, int, int, int, bool]]:
    """(customer, account, kind, amount in minor units, whether there is a memo) of each money record."""
    # Uniform draws alone: how numpy makes normal ones may change from version to version.
    source = np.random.Generator(np.random.PCG64(shape.seed))
    for first in range(0, shape.records, _A_DRAW):
        count = min(_A_DRAW, shape.records - first)
        who, which, kind, size, angle, memo = source.random((6, count))
        customers = (who * who * shape.customers).astype(np.int64)
        accounts = customers * 3 + (which * (1 + customers % 3)).astype(np.int64)
        normal = np.sqrt(-2.0 * np.log1p(-size)) * np.cos(2.0 * np.pi * angle)
        amounts = np.maximum(_MEDIAN_MINOR * np.exp(_SPREAD * normal), 1).astype(np.int64)
        kinds = np.searchsorted(_KIND_SHARES, kind, side="right")
        memos = memo < shape.memo_share
        yield from zip(
            customers.tolist(), accounts.tolist(), kinds.tolist(), amounts.tolist(), memos.tolist(), strict=True
        )

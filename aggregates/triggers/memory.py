"""What is remembered of a customer for retention triggers: what it did, and what was raised (DOMAIN §5).

Lists are flat, several places an entry, since every customer has some and all of them are in memory.
"""

from typing import Any

import msgspec

from aggregates.dates import Day
from events.decisions import Step

SPENT, DRIFTED, PAID, REVALUED, CHANGED = 1, 2, 4, 8, 16
"""Marks: since the last close money of one leg, a valuation or an account of the open day was taken; among it a transfer to
another bank or a payment platform; a payroll; a valuation of the day closed last, as funds have it; anything else."""


class More(msgspec.Struct, array_like=True, gc=False):
    """What most customers do not have every day.

    late: late and reversing records since the last close, flat (source, event_id); payrolls: in log order, flat (value date,
    source, event_id), the date of one brought forward below 0; maturities: by account what was said of its maturity, flat
    (value date, matures on or 0, product or None, source, event_id), the last of which counts; matured: products at their term,
    flat (value date, amount paid, source, event_id); closings: accounts that were closed, flat (value date, account_id,
    source, event_id).
    """

    late: list[str] = []
    payrolls: list[int | str] = []
    maturities: dict[str, list[int | str | None]] = {}
    matured: list[int | str] = []
    closings: list[int | str] = []


class Conduct(msgspec.Struct, array_like=True, gc=False):
    """What a customer did, see ``aggregates.conduct``.

    acts: days with a sign of life, ascending, flat (day, how many, source and event_id of the first); outs: money out in log
    order, flat (value date, amount, what: ``aggregates.conduct.OUTS``, source, event_id), first those of days closed before;
    told: how many places these take; out: the others added up, minor units; marks: of what was taken since the last close,
    0: nothing was; dues: days on whose close something is to be asked, ascending, flat (day, what: ``aggregates.triggers.duty``);
    rest: between which amounts of AUM (low, high) and of the projected average (low, high) plain money is no news, None where
    there is no bound, and behind them for each rule that follows AUM (``Rule.follows``) its bit, low and high; empty: all is
    news.
    """

    acts: list[int | str]
    outs: list[int | str]
    told: int = 0
    out: int = 0
    marks: int = 0
    dues: tuple[int, ...] = ()
    rest: tuple[int | None, ...] = ()
    more: More | None = None


class Open(msgspec.Struct, array_like=True, gc=False):
    """A trigger without an outcome. on: business date of the raise; step: the last one; evidence and says as raised."""

    code: str
    key: str
    on: Day
    step: Step
    evidence: dict[str, Any]
    says: dict[str, str]


class Raise(msgspec.Struct, array_like=True, gc=False):
    """A raise of a rule that cools, not withdrawn.

    is_open: whether that may still come; had_money: whether at a close since then AUM was above 0.
    """

    on: Day
    evidence: dict[str, Any]
    is_open: bool = True
    had_money: bool = False


class Life(msgspec.Struct, array_like=True, gc=False):
    """A customer's triggers.

    sequence: of the last step; open: in order of raising; keys: by code whatever was ever raised under a key of its own;
    raises: by code that cools those not withdrawn, from the last one that no longer is open on; last: by such a code the
    business date of the last raise, withdrawn or not; withdrawn: business date of the last withdrawal.
    """

    sequence: int = 0
    open: list[Open] = []
    keys: dict[str, list[str]] = {}
    raises: dict[str, list[Raise]] = {}
    last: dict[str, Day] = {}
    withdrawn: Day = 0

"""What is a rule worth? What became of its triggers, and of the money of those who were reached beside those who were not.

Counted from the log, so that each figure can be looked up. Shares have Wilson's interval at 95 %. Money kept is a ratio of
sums, AUM so many days after the raise to AUM at its end of day, with the interval of a ratio estimate; nothing is drawn
by lot, so the same log gives the same figures. Who is reached is not chosen by lot either: the difference says
what went together, not what caused what.

A trigger counts for one manager and one branch in every column: those whose customer it was on the day of the raise
(``projections.managers.looked_after``). So the columns of a row are about the same triggers, and a customer who is handed over
afterwards takes nothing along. Where somebody else spoke with the customer it is the work of a colleague on that manager's
customers: ``reached_by_others`` says how often.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from math import sqrt
from typing import Any, Final, Literal

import msgspec
import numpy as np

from aggregates.dates import Day, day_of
from aggregates.packing import listed_accounts
from projections.feed import Row
from projections.managers import History, history_from, looked_after
from projections.moves import Ints, unpacked

By = Literal["code", "branch", "manager"]
AFTER_DAYS: Final = (30, 90)
"""So long after the raise it is looked how much money is still there."""
CLAIMED_WITHIN_DAYS: Final = 2
"""A trigger is claimed in time within so many days of its raise: the bank's own measure for an open complaint."""
_Z: Final = 1.959963984540054
"""Of a normal distribution 95 % lie within so many standard deviations."""
_DIGITS: Final = 4
_OUTCOMES: Final = ("retained", "lost", "no_need")


class Told(msgspec.Struct):
    """What became of one trigger. Days: 0 for never; manager_id, branch: whose customer it was on the day of the raise.

    reached_by: who spoke with the customer first. aum: end-of-day AUM on the day of the raise and so many days after
    (``AFTER_DAYS``), minor units; None: not over yet.
    """

    customer_id: str
    code: str
    raised_on: Day
    claimed_on: Day = 0
    reached_on: Day = 0
    reached_by: str | None = None
    end: str = ""
    manager_id: str | None = None
    branch: str | None = None
    aum: tuple[int | None, ...] = ()


def told(steps: Iterable[Row]) -> list[Told]:
    """What became of each trigger, by customer, still without money.

    steps: (customer_id, code, key, step, business date, manager, kept history of the customer) by customer, sequence.
    """
    found: list[Told] = []
    for customer_id, rows in groupby(steps, key=lambda row: row[0]):
        here: dict[tuple[str, str], Told] = {}
        whose: History | None = None
        for _, code, key, step, date, manager_id, history in rows:
            day = day_of(date)
            if step == "raised":
                whose = whose or history_from(history)
                manager, branch = looked_after(whose, day)
                here[code, key] = Told(customer_id, code, day, manager_id=manager, branch=branch)
                continue
            trigger = here[code, key]
            if step == "claimed":
                trigger.claimed_on = day
            elif (step == "contacted" or step in _OUTCOMES) and not trigger.reached_on:
                trigger.reached_on, trigger.reached_by = day, manager_id
            if step not in ("claimed", "contacted"):
                trigger.end = step
        found += here.values()
    return found


def add_money(
    triggers: Sequence[Told],
    states: Iterable[tuple[str, bytes]],
    moves: Iterable[tuple[bytes]],
    accounts: int,
    first: Day,
    closed_through: Day,
) -> None:
    """Say of each trigger how much money there was; what is not over by `closed_through` is not known.

    states: (customer_id, packed state) of these customers at least; moves, first: see ``aum_on``; accounts: how many there are.
    """
    owners = np.full(accounts, -1, np.int64)
    places = {customer_id: at for at, customer_id in enumerate(dict.fromkeys(t.customer_id for t in triggers))}
    for customer_id, packed in states:
        if customer_id in places:
            owners[[account.number for account in listed_accounts(packed).values()]] = places[customer_id]
    asked = [
        (places[trigger.customer_id], trigger.raised_on + after) for trigger in triggers for after in (0, *AFTER_DAYS)
    ]
    found = aum_on(moves, owners, asked, first)
    for at, trigger in enumerate(triggers):
        begin = at * (1 + len(AFTER_DAYS))
        trigger.aum = tuple(
            minor if day <= closed_through else None
            for (_, day), minor in zip(asked[begin:], found[begin : begin + 1 + len(AFTER_DAYS)], strict=False)
        )


def aum_on(rows: Iterable[tuple[bytes]], owners: Ints, asked: Sequence[tuple[int, Day]], first: Day) -> list[int]:
    """End-of-day AUM of customers on days, minor units, in the order asked for; one pass over all moves.

    rows: packed columns of blocks (``projections.moves``); owners: by number of all accounts the customer's place, -1: nobody
    asked; asked: (place, day); first: F's first day, as which earlier ones count.
    """
    places, days, amounts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for (columns,) in rows:
        number, day, amount = unpacked(columns)
        place = owners[number]
        places.append(place[place >= 0])
        days.append(np.maximum(day[place >= 0], first))
        amounts.append(amount[place >= 0])
    place, day, amount = np.concatenate(places), np.concatenate(days), np.concatenate(amounts)
    order = np.lexsort((day, place))
    place, day, values = place[order], day[order], amount[order].astype(object)  # sums may be larger than 64 bits
    sums = [0, *np.cumsum(values).tolist()] if len(values) else [0]
    keys = place * 2**32 + day
    begins = np.searchsorted(keys, [at * 2**32 for at, _ in asked])
    ends = np.searchsorted(keys, [at * 2**32 + on for at, on in asked], side="right")
    return [sums[end] - sums[begin] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]


# ------------------------------------------------------------------------------------------------------ figures


def worth_rows(triggers: Iterable[Told], by: By) -> Iterator[dict[str, Any]]:
    """One row a group, by name, those without one last."""
    names: dict[By, Callable[[Told], str | None]] = {
        "code": lambda t: t.code,
        "branch": lambda t: t.branch,
        "manager": lambda t: t.manager_id,
    }
    groups: dict[str | None, list[Told]] = {}
    for trigger in triggers:
        groups.setdefault(names[by](trigger), []).append(trigger)
    for name in sorted(groups, key=lambda each: (each is None, (each or "").encode())):
        yield {by: name, **_figures(groups[name])}


def _figures(triggers: Sequence[Told]) -> dict[str, Any]:
    counted = [t for t in triggers if t.end != "withdrawn"]
    in_time = sum(1 for t in counted if t.claimed_on and t.claimed_on - t.raised_on <= CLAIMED_WITHIN_DAYS)
    reached = [t for t in counted if t.reached_on]
    ends = {end: sum(t.end == end for t in counted) for end in (*_OUTCOMES, "expired")}
    others = [t for t in counted if not t.reached_on]
    return {
        "raised": len(triggers),
        "withdrawn": len(triggers) - len(counted),
        "claimed_in_time": share(in_time, len(counted)),
        "reached": share(len(reached), len(counted)),
        "reached_by_others": share(sum(t.reached_by != t.manager_id for t in reached), len(reached)),
        "retained": share(ends["retained"], len(reached)),
        "lost": ends["lost"],
        "no_need": ends["no_need"],
        "expired": ends["expired"],
        "money": [
            {"days": after, **_beside(kept(reached, at), kept(others, at))} for at, after in enumerate(AFTER_DAYS, 1)
        ],
    }


def share(count: int, of: int) -> dict[str, Any]:
    """A share with Wilson's interval at 95 %; of nothing there is none."""
    if not of:
        return {"count": count, "of": of, "share": None, "low": None, "high": None}
    part, z2 = count / of, _Z * _Z
    middle = (part + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * sqrt(part * (1 - part) / of + z2 / (4 * of * of))
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return {"count": count, "of": of, **_rounded(part, low, high)}


def kept(triggers: Iterable[Told], at: int) -> dict[str, Any]:
    """How much of the money at the raise is there later, of those of whom it is known; the interval needs two of them."""
    pairs = [(t.aum[0], t.aum[at]) for t in triggers if len(t.aum) > at and t.aum[at] is not None]
    known = [(before, after) for before, after in pairs if before is not None and after is not None]
    total_before, total_after = sum(before for before, _ in known), sum(after for _, after in known)
    found = {"count": len(known), "before": total_before, "after": total_after}
    if total_before <= 0:
        return found | {"share": None, "low": None, "high": None}
    ratio = total_after / total_before
    error = _error(known, ratio, total_before)
    if error is None:
        return found | {"share": round(ratio, _DIGITS), "low": None, "high": None}
    return found | _rounded(ratio, ratio - _Z * error, ratio + _Z * error)


def _error(known: Sequence[tuple[int, int]], ratio: float, total_before: int) -> float | None:
    """Standard error of a ratio of sums."""
    count = len(known)
    if count < 2:
        return None
    squares = sum((after - ratio * before) ** 2 for before, after in known)
    return sqrt(squares * count / (count - 1)) / total_before


def _beside(reached: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Both, and how much more of the money of those reached is there; the errors of both add up as squares do."""
    difference: dict[str, Any] = {"share": None, "low": None, "high": None}
    if reached["share"] is not None and others["share"] is not None:
        difference["share"] = round(reached["share"] - others["share"], _DIGITS)
        if reached["low"] is not None and others["low"] is not None:
            half = sqrt(sum((each["high"] - each["share"]) ** 2 for each in (reached, others)))
            difference |= _rounded(difference["share"], difference["share"] - half, difference["share"] + half)
    return {"reached": reached, "not_reached": others, "difference": difference}


def _rounded(share: float, low: float, high: float) -> dict[str, float]:
    return {"share": round(share, _DIGITS), "low": round(low, _DIGITS), "high": round(high, _DIGITS)}

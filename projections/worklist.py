"""What is to be done first? Standing triggers by the money at stake, the customer's level, and how long they stand."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from typing import Any, Final, NamedTuple

from aggregates.dates import Day, day_of
from projections.feed import Row
from projections.table import narrow
from projections.trigger_steps import step_rows

SHOWN: Final = (
    "customer_id",
    "id",
    "code",
    "step",
    "at_stake",
    "stake",
    "level",
    "raised_on",
    "days",
    "aum",
    "manager_id",
    "branch",
    "says",
)
"""Fields of a row. at_stake, aum: minor units; days: since it was raised; manager_id: who took it on, else the customer's."""


class _Stake(NamedTuple):
    fields: tuple[str, ...]
    what: str
    minor: Callable[[Mapping[str, Any]], int]


_STAKES: Final = (
    _Stake(("loss",), "left", lambda e: e["loss"]),
    _Stake(("high", "now"), "fell", lambda e: e["high"] - e["now"]),
    _Stake(("amount", "kept"), "not_renewed", lambda e: e["amount"] - e["kept"]),
    _Stake(("amount",), "matures", lambda e: e["amount"]),
    _Stake(("sum",), "moved_out", lambda e: e["sum"]),
    _Stake(("top_up",), "lacks", lambda e: e["top_up"]),
)
STAKES: Final = (*(stake.what for stake in _STAKES), "held")
"""What the money at stake is: left or moved out, fell, not renewed, matures, lacks to a level; else all that is held."""


def at_stake(evidence: Mapping[str, Any], aum: int) -> tuple[str, int]:
    """What is at stake of a trigger and how much, minor units, by what its evidence has; else the customer's AUM.

    So a rule whose evidence uses the same words needs nothing here. Money that is not there is 0.
    """
    for stake in _STAKES:
        if all(isinstance(evidence.get(field), int) for field in stake.fields):
            return stake.what, max(stake.minor(evidence), 0)
    return "held", max(aum, 0)


def work_rows(kept: Iterable[Row], day: Day) -> Iterator[dict[str, Any]]:
    """Rows as they come. kept: (packed step, date of the raise, spot, level, manager, branch); day: the last closed one."""
    for content, raised_on, spot, level, manager_id, branch in kept:
        (step,) = step_rows([(content,)])
        aum = 0 if spot is None else narrow(spot)
        stake, minor = at_stake(step["evidence"], aum)
        yield {
            "customer_id": step["customer_id"],
            "id": step["id"],
            "code": step["code"],
            "step": step["step"],
            "at_stake": minor,
            "stake": stake,
            "level": level,
            "raised_on": raised_on,
            "days": max(day - day_of(raised_on), 0),
            "aum": aum,
            "manager_id": manager_id,
            "branch": branch,
            "says": step["says"],
        }


def first_to_do(rows: Iterable[dict[str, Any]], levels: Sequence[str], most: int | None = None) -> list[dict[str, Any]]:
    """Rows in the order in which they are to be done, the first `most` of them, None for all.

    More money first, then the higher level, then what stands for longer; levels: ascending.
    """
    rank = {code: at for at, code in enumerate(levels)}

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        return (
            -row["at_stake"],
            -rank.get(row["level"], -1),
            -row["days"],
            row["customer_id"].encode(),
            row["id"].encode(),
        )

    return sorted(rows, key=place) if most is None else nsmallest(most, rows, key=place)

"""A trigger rule through many closes, with just enough of a trigger's life to see what would be raised.

A customer about whom no further record comes is looked at only when its rules ask for it; looking every night must raise
the same (DOMAIN §5, When).
"""

from collections.abc import Iterator
from typing import Any

from hypothesis import settings

from aggregates.dates import Day
from aggregates.triggers.rule import Parameters, Rule
from tests.dsl.seen import Seen

night_by_night = settings(max_examples=60, deadline=None)
"""For tests of ``check_due``: one example is many nights."""


def check_due(rule: Rule, seen: Seen, nights: int, parameters: Parameters | None = None) -> None:
    """Judged when due, a customer raises what it raises when judged at every close of so many nights."""
    chosen = parameters or rule.parameters()
    last = seen.day + nights
    assert not 0 < rule.due(seen, chosen) <= seen.day, "due on a day that is over"
    every = list(_raised(rule, seen, last, chosen, every_night=True))
    assert list(_raised(rule, seen, last, chosen, every_night=False)) == every


def judged(rule: Rule, seen: Seen, nights: int, parameters: Parameters | None = None) -> list[Day]:
    """The nights on which the rule asks for a customer to be looked at, one behind the other."""
    chosen = parameters or rule.parameters()
    found: list[Day] = []
    day = rule.due(seen, chosen)
    while 0 < day <= seen.day + nights:
        assert day > (found[-1] if found else seen.day), "due on a day that is over"
        found.append(day)
        day = rule.due(seen.at(day), chosen)
    return found


def asked_on(rule: Rule, seen: Seen, parameters: Any) -> Day:
    """When a customer is looked at again: the rule's own day, or that from which something dated ahead counts; 0: never."""
    own, moves = rule.due(seen, parameters), seen.next_change()
    return min(own or moves, moves or own)


def _raised(rule: Rule, seen: Seen, last: Day, parameters: Any, *, every_night: bool) -> Iterator[tuple[Day, str]]:
    keys: set[str] = set()
    raised_on, raised = 0, None
    looked_at = seen.day
    for day in range(seen.day, last + 1):
        if day != looked_at and not every_night:
            continue
        tonight = seen.at(day)
        looked_at = asked_on(rule, tonight, parameters)
        for found in rule.find(tonight, parameters):
            if rule.cools:
                again = raised_on + parameters.cooldown_days
                is_worse = rule.worse is not None and raised and rule.worse(parameters, found.evidence, raised)
                if raised_on and day < again and not is_worse:
                    looked_at = min(looked_at or again, again)  # as long as it stays true
                    continue
                raised_on, raised = day, found.evidence
                again = max(day + parameters.cooldown_days, day + 1)
                looked_at = min(looked_at or again, again)
            elif found.key in keys:
                continue
            keys.add(found.key)
            yield day, found.key

"""A rule asked at one close, by one record, and at the close of every day after it with nothing new about the customer."""

from typing import Any

from aggregates.dates import Day
from aggregates.triggers.rule import Found, Rule
from events.fields import Record
from tests.dsl.nights import asked_on
from tests.dsl.seen import Seen


def keys(rule: Rule, seen: Seen, parameters: Any = None) -> list[str]:
    """What a rule finds, by key."""
    return [found.key for found in rule.find(seen, parameters or rule.parameters())]


def found_of(rule: Rule, seen: Seen, record: Record, parameters: Any = None) -> list[Found]:
    """What a record, just taken, makes true."""
    assert rule.on_record is not None
    return list(rule.on_record(seen, parameters or rule.parameters(), record))


def next_news(rule: Rule, seen: Seen, parameters: Any = None, *, within: int) -> Day:
    """The first day after the view's on whose close a key is found that is not found today; 0: none in so many days."""
    today = set(keys(rule, seen, parameters))
    return next(
        (
            day
            for day in range(seen.day + 1, seen.day + within + 1)
            if set(keys(rule, seen.at(day), parameters)) - today
        ),
        0,
    )


def assert_never_late(rule: Rule, seen: Seen, parameters: Any = None, *, within: int) -> None:
    """`due` is no later than the news, and after today; and whoever is looked at then again misses nothing either."""
    chosen = parameters or rule.parameters()
    due, news = asked_on(rule, seen, chosen), next_news(rule, seen, parameters, within=within)
    assert not 0 < rule.due(seen, chosen) <= seen.day
    assert not news or 0 < due <= news

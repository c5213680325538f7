"""A rule asked at one close, by one record, and at the close of every day after it with nothing new about the customer."""

from typing import Any

from aggregates.dates import Day
from aggregates.triggers.rule import Rule
from events.calendar import BusinessDayClosed
from events.fields import Record
from tests.dsl.seen import Seen, cause


def keys(rule: Rule, seen: Seen, parameters: Any = None) -> list[str]:
    """What a rule finds, by key."""
    return [found.key for found in rule.find(seen, parameters or rule.parameters())]


def record(name: object) -> Record:
    """Any record: a rule goes by its identity alone."""
    named = cause(name)
    return BusinessDayClosed(
        event_id=named.event_id,
        source=named.source,
        schema_version=1,
        occurred_at="2026-04-01T09:00:00+08:00",
        date="2026-04-01",
    )


def keys_of(rule: Rule, seen: Seen, name: object, parameters: Any = None) -> list[str]:
    """What the record of this name, just taken, makes true."""
    assert rule.on_record is not None
    return [found.key for found in rule.on_record(seen, parameters or rule.parameters(), record(name))]


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
    due, news = rule.due(seen, parameters or rule.parameters()), next_news(rule, seen, parameters, within=within)
    assert due == 0 or due > seen.day
    assert not news or 0 < due <= news

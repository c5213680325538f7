"""How well triggers tell who leaves from who only looks so, where it is known: people in episodes, and the truth of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from guanxi.simulator.person import Truth
from guanxi.simulator.stories import STORIES

ECHO_DAYS: Final = 45
"""What is raised about those who only look so counts against a rule for so long after it begins."""
_OVERDUE: Final = ":overdue"
"""A complaint is always told of when it is filed; the warning is that nobody settled it."""


@dataclass(frozen=True, slots=True)
class Raised:
    """A trigger was raised."""

    customer_id: str
    code: str
    on: date


@dataclass(frozen=True, slots=True)
class Score:
    """Of one code.

    stories, warned: those that end badly in the way the rule is for, and of them those told of in time; right, wrong: what
    was raised about people in stories; days: of warning, of each story told of.
    """

    stories: int
    warned: int
    right: int
    wrong: int
    days: list[int]


def raised_of(steps: Iterable[Mapping[str, Any]]) -> list[Raised]:
    """The raises among steps as published (CONTRACT §5) that are warnings."""
    return [
        Raised(step["customer_id"], step["code"], date.fromisoformat(step["business_date"]))
        for step in steps
        if step["step"] == "raised" and (step["code"] != "complaint_open" or step["key"].endswith(_OVERDUE))
    ]


def scores(truth: Iterable[Truth], raised: Iterable[Raised]) -> dict[str, Score]:
    """How well each code that a story names tells those who leave from those who only look so."""
    by_person: defaultdict[tuple[str, str], list[date]] = defaultdict(list)
    for each in raised:
        by_person[each.customer_id, each.code].append(each.on)
    known = list(truth)
    codes = sorted({code for story in STORIES for code in story.triggers})
    return {code: _score(code, known, by_person) for code in codes}


def _score(code: str, truth: Iterable[Truth], by_person: Mapping[tuple[str, str], list[date]]) -> Score:
    stories = warned = right = wrong = 0
    days: list[int] = []
    for one in truth:
        raises = by_person.get((one.customer_id, code), [])
        if one.lost_on is None:
            until = one.begins_on + timedelta(days=ECHO_DAYS)
            wrong += sum(on <= until for on in raises)
            continue
        told = [on for on in raises if one.begins_on <= on <= one.lost_on]
        right += len(told)
        wrong += sum(on < one.begins_on for on in raises)
        if code in one.triggers:
            stories += 1
            warned += bool(told)
            days += [(one.lost_on - told[0]).days] if told else []
    return Score(stories, warned, right, wrong, days)

"""``dissatisfied`` (DOMAIN §5)."""

import pytest

from aggregates.dates import day_of
from aggregates.triggers.dissatisfied import RULE, DissatisfiedEvidence, DissatisfiedParameters
from aggregates.triggers.rule import Found, Says
from aggregates.triggers.view import Rating
from tests.aggregates.triggers.walking import keys, keys_of
from tests.dsl.seen import Seen, cause

PLAIN = DissatisfiedParameters()


def rating(date: str, score: int, name: object = 1) -> Rating:
    return Rating(day_of(date), score, cause(name))


def of(*ratings: Rating, date: str = "2026-04-10") -> Seen:
    return Seen(day=day_of(date), rated=ratings)


@pytest.mark.parametrize(("score", "found"), [(1, ["e1"]), (2, ["e1"]), (3, []), (5, [])])
def test_two_of_five_is_bad_and_three_is_not(score: int, found: list[str]) -> None:
    seen = of(rating("2026-04-10", score))
    assert keys(RULE, seen) == found
    assert keys_of(RULE, seen, 1) == found


def test_the_policy_may_want_more() -> None:
    pleased = DissatisfiedParameters(at_most=4)
    assert keys(RULE, of(rating("2026-04-10", 4)), pleased) == ["e1"]
    assert keys(RULE, of(rating("2026-04-10", 5)), pleased) == []
    assert keys_of(RULE, of(rating("2026-04-10", 4)), 1, pleased) == ["e1"]


def test_a_record_speaks_for_itself_alone() -> None:
    seen = of(rating("2026-04-10", 1), rating("2026-04-10", 2, 2))
    assert keys_of(RULE, seen, 2) == ["e2"]
    assert keys_of(RULE, seen, 3) == []


def test_a_rating_of_a_closed_day_is_left_to_the_next_close_one_of_tomorrow_is_not() -> None:
    seen = of(rating("2026-04-09", 1), rating("2026-04-11", 1, 2))
    assert keys_of(RULE, seen, 1) == []
    assert keys_of(RULE, seen, 2) == ["e2"]
    assert keys(RULE, seen) == ["e1", "e2"]


def test_keys_ascend_and_of_two_sources_with_one_id_the_first_counts() -> None:
    other = Rating(day_of("2026-04-10"), 2, cause(1, "app"))
    found = list(RULE.find(of(rating("2026-04-10", 2, 2), rating("2026-04-10", 1), other), PLAIN))
    assert found == [
        Found("e1", DissatisfiedEvidence(score=1, records=(cause(1),))),
        Found("e2", DissatisfiedEvidence(score=2, records=(cause(2),))),
    ]


def test_nothing_takes_a_rating_back() -> None:
    assert RULE.holds is not None
    assert RULE.holds(of(), PLAIN, "e1")


def test_the_sentence() -> None:
    assert RULE.says(DissatisfiedEvidence(score=2, records=()), "CNY") == Says(
        zh="客户满意度评分 2 分（满分 5 分），请回访", en="Rated the bank 2 of 5"
    )

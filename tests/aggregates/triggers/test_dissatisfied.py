"""``dissatisfied`` (DOMAIN §5)."""

import pytest

from aggregates.dates import day_of
from aggregates.triggers.dissatisfied import RULE, DissatisfiedEvidence, DissatisfiedParameters
from aggregates.triggers.rule import Found, Says
from events.decisions import Cause
from events.fields import Record
from tests.aggregates.triggers.walking import found_of, keys
from tests.dsl.records import met
from tests.dsl.seen import Seen

TODAY = Seen(day=day_of("2026-04-10"))


def rated(score: int, *, at: str = "2026-04-10") -> Record:
    return met("satisfaction_rated", at=at, score=score, event_id="r1")


@pytest.mark.parametrize(("score", "bad"), [(1, True), (2, True), (3, False), (5, False)])
def test_two_of_five_is_bad_and_three_is_not(score: int, bad: bool) -> None:
    evidence = DissatisfiedEvidence(score=score, records=(Cause("crm", "r1"),))
    assert found_of(RULE, TODAY, rated(score)) == [Found("r1", evidence)] * bad


def test_the_policy_may_want_more() -> None:
    pleased = DissatisfiedParameters(at_most=4)
    assert len(found_of(RULE, TODAY, rated(4), pleased)) == 1
    assert found_of(RULE, TODAY, rated(5), pleased) == []


@pytest.mark.parametrize("at", ["2026-03-01", "2026-04-11"])
def test_a_rating_counts_whenever_it_was_given(at: str) -> None:
    assert len(found_of(RULE, TODAY, rated(1, at=at))) == 1


def test_no_other_record_says_so() -> None:
    assert found_of(RULE, TODAY, met("app_session", at="2026-04-10")) == []


def test_a_close_says_nothing_and_nothing_takes_a_rating_back() -> None:
    assert keys(RULE, TODAY) == []
    assert RULE.holds is not None
    assert RULE.holds(TODAY, DissatisfiedParameters(), "r1")


def test_the_sentence() -> None:
    assert RULE.says(DissatisfiedEvidence(score=2, records=()), "CNY") == Says(
        zh="客户满意度评分 2 分（满分 5 分），请回访", en="Rated the bank 2 of 5"
    )

"""``complaint_open`` (DOMAIN §5)."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.dates import Day, day_of
from aggregates.triggers.complaint_open import RULE, ComplaintOpenEvidence, ComplaintOpenParameters
from aggregates.triggers.rule import Found, Says
from aggregates.triggers.view import Complaint
from events.decisions import Cause
from tests.aggregates.triggers.walking import assert_never_late, found_of, keys, next_news
from tests.dsl.records import met
from tests.dsl.seen import FIRST, Seen, cause

PLAIN = ComplaintOpenParameters()
IN_TIME, OVERDUE = list[str](), ["P1:overdue"]


def complaint(filed: Day | str, resolved: Day | str = 0, complaint_id: str = "P1") -> Complaint:
    on, done = (day_of(each) if isinstance(each, str) else each for each in (filed, resolved))
    return Complaint(complaint_id, 2, on, done, cause(complaint_id))


def of(date: str, *complaints: Complaint, working: tuple[str, bool] | None = None) -> Seen:
    closes = {day_of(working[0]): working[1]} if working else {}
    return Seen(day=day_of(date), complained=complaints, working=closes)


@pytest.mark.parametrize(
    ("filed", "date", "found"),
    [
        ("2026-04-06", "2026-04-07", IN_TIME),  # Monday: Tuesday is the first, Wednesday the second working day
        ("2026-04-06", "2026-04-08", OVERDUE),
        ("2026-04-06", "2026-04-20", OVERDUE),
        ("2026-04-09", "2026-04-12", IN_TIME),  # Thursday: Friday, then Monday
        ("2026-04-09", "2026-04-13", OVERDUE),
        ("2026-04-11", "2026-04-13", IN_TIME),  # Saturday: Monday, Tuesday
        ("2026-04-11", "2026-04-14", OVERDUE),
    ],
)
def test_it_is_overdue_at_the_close_of_the_second_working_day_after(filed: str, date: str, found: list[str]) -> None:
    assert keys(RULE, of(date, complaint(filed))) == found


def test_a_close_may_say_that_a_saturday_is_worked_and_a_friday_is_not() -> None:
    worked, holiday = ("2026-04-11", True), ("2026-04-10", False)
    assert keys(RULE, of("2026-04-11", complaint("2026-04-09"))) == IN_TIME
    assert keys(RULE, of("2026-04-11", complaint("2026-04-09"), working=worked)) == OVERDUE
    assert keys(RULE, of("2026-04-13", complaint("2026-04-09"), working=holiday)) == IN_TIME
    assert keys(RULE, of("2026-04-14", complaint("2026-04-09"), working=holiday)) == OVERDUE


def test_the_policy_may_give_more_days() -> None:
    longer = ComplaintOpenParameters(working_days=3)
    assert keys(RULE, of("2026-04-08", complaint("2026-04-06")), longer) == IN_TIME
    assert keys(RULE, of("2026-04-09", complaint("2026-04-06")), longer) == OVERDUE


def test_what_is_resolved_by_the_close_is_not_overdue() -> None:
    assert keys(RULE, of("2026-04-08", complaint("2026-04-06", "2026-04-08"))) == IN_TIME
    assert keys(RULE, of("2026-04-08", complaint("2026-04-06", "2026-04-09"))) == OVERDUE


def test_every_complaint_speaks_for_itself_keys_ascending() -> None:
    complaints = [complaint("2026-04-06", complaint_id=name) for name in ("P3", "P1")]
    assert keys(RULE, of("2026-04-08", *complaints, complaint("2026-04-07", complaint_id="P2"))) == [
        "P1:overdue",
        "P3:overdue",
    ]


def test_what_is_overdue_is_found_with_the_record_of_the_complaint() -> None:
    (found,) = RULE.find(of("2026-04-08", complaint("2026-04-06")), PLAIN)
    assert found.evidence.records == (cause("P1"),)
    assert msgspec.json.encode(found.evidence, order="sorted") == (
        b'{"complaint_id":"P1","records":[{"event_id":"eP1","source":"core"}]}'
    )


@pytest.mark.parametrize("date", ["2026-03-01", "2026-04-08", "2026-04-09"])
def test_the_record_of_a_complaint_says_at_once_that_it_was_filed_also_late(date: str) -> None:
    filed = met("complaint_filed", at=date, complaint_id="P1", severity=3, event_id="eP1")
    assert found_of(RULE, of("2026-04-08"), filed) == [
        Found("P1:filed", ComplaintOpenEvidence(complaint_id="P1", records=(Cause("crm", "eP1"),)))
    ]


def test_no_other_record_says_so() -> None:
    resolved = met("complaint_resolved", at="2026-04-08", complaint_id="P1", outcome="apology")
    assert found_of(RULE, of("2026-04-08", complaint("2026-04-08")), resolved) == []


@pytest.mark.parametrize(
    ("known", "holds"),
    [
        ((complaint("2026-04-06"),), True),
        ((complaint("2026-04-06", "2026-04-09"),), True),
        ((complaint("2026-04-06", "2026-04-08"),), False),  # it turned out later that it was resolved in time
        ((), True),  # resolved long ago and forgotten since
    ],
)
def test_overdue_holds_unless_it_was_resolved_by_then(known: tuple[Complaint, ...], holds: bool) -> None:
    assert RULE.holds is not None
    assert RULE.holds(of("2026-04-08", *known), PLAIN, "P1:overdue") is holds
    assert RULE.holds(of("2026-04-08", *known), PLAIN, "P1:filed"), "a complaint stays filed"


def test_an_id_may_hold_colons() -> None:
    assert RULE.holds is not None
    seen = of("2026-04-08", complaint("2026-04-06", "2026-04-08", complaint_id="a:overdue:b"))
    assert not RULE.holds(seen, PLAIN, "a:overdue:b:overdue")


def test_the_sentences() -> None:
    (filed,) = found_of(RULE, of("2026-04-06"), met("complaint_filed", at="2026-04-06", complaint_id="P1", severity=1))
    (overdue,) = RULE.find(of("2026-04-08", complaint("2026-04-06")), PLAIN)
    assert RULE.says(filed.evidence, "CNY") == Says(zh="客户提出投诉 P1，请跟进处理", en="Filed complaint P1")
    assert RULE.says(overdue.evidence, "CNY") == Says(
        zh="投诉 P1 逾期未结，请尽快处理", en="Complaint P1 is overdue and not resolved"
    )


@pytest.mark.parametrize(
    ("date", "complaints", "due"),
    [
        ("2026-04-06", [complaint("2026-04-06")], "2026-04-08"),
        ("2026-04-09", [complaint("2026-04-09")], "2026-04-11"),  # a Saturday, in case it is worked
        ("2026-04-11", [complaint("2026-04-09")], "2026-04-12"),
        ("2026-04-12", [complaint("2026-04-09")], "2026-04-13"),
        ("2026-04-13", [complaint("2026-04-09")], None),  # found; nothing more to come
        ("2026-04-07", [complaint("2026-04-06", "2026-04-07")], None),
        ("2026-04-07", [complaint("2026-04-06", "2026-04-08")], None),
        ("2026-04-07", [], None),
    ],
)
def test_an_open_complaint_is_looked_at_when_it_can_be_overdue(
    date: str, complaints: list[Complaint], due: str | None
) -> None:
    assert RULE.due(of(date, *complaints), PLAIN) == (day_of(due) if due else 0)


ALL_WORKED = dict.fromkeys(range(FIRST, FIRST + 60), True)
SPANS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    SPANS,
    st.one_of(st.just(ALL_WORKED), st.dictionaries(st.integers(FIRST, FIRST + 30), st.booleans())),
    st.integers(0, 12),
    st.integers(1, 5),
)
def test_due_is_never_late(spans: list[tuple[int, int]], working: dict[Day, bool], at: int, days: int) -> None:
    complained = [
        complaint(FIRST + filed, FIRST + filed + took if took else 0, f"P{n}") for n, (filed, took) in enumerate(spans)
    ]
    seen, parameters = (
        Seen(day=FIRST + at, complained=complained, working=working),
        ComplaintOpenParameters(working_days=days),
    )
    assert_never_late(RULE, seen, parameters, within=40)
    if working == ALL_WORKED:
        assert RULE.due(seen, parameters) == next_news(RULE, seen, parameters, within=40)

"""``credit_warning`` (DOMAIN §5)."""

from dataclasses import replace

import pytest

from aggregates.dates import day_of
from aggregates.triggers.credit_warning import CLASSES, RULE, CreditWarningEvidence, CreditWarningParameters
from aggregates.triggers.rule import Found, Says
from aggregates.triggers.view import CreditSign, LoanStep
from tests.aggregates.triggers.walking import found_of, keys
from tests.dsl.records import met
from tests.dsl.seen import Seen, cause

PLAIN = CreditWarningParameters()
TODAY = "2026-04-10"


def classed(before: str, after: str, *, on: str = TODAY, name: object = 1, loan_id: str = "L1") -> LoanStep:
    return LoanStep(loan_id, "class", before, after, day_of(on), cause(name))


def overdue(before: int, after: int, *, on: str = TODAY, name: object = 1, loan_id: str = "L1") -> LoanStep:
    return LoanStep(loan_id, "overdue", before, after, day_of(on), cause(name))


def sign(*, on: str = TODAY, name: object = 1) -> CreditSign:
    return CreditSign(day_of(on), "unpaid_wages", cause(name))


def of(*steps: LoanStep | CreditSign) -> Seen:
    signs = [each for each in steps if isinstance(each, CreditSign)]
    return Seen(day=day_of(TODAY), loans=[each for each in steps if isinstance(each, LoanStep)], signs=signs)


def keys_of(seen: Seen, name: object, parameters: CreditWarningParameters = PLAIN) -> list[str]:
    """What the record of this name, just taken, makes true: its identity is all that counts."""
    taken = met("manager_contact", at=TODAY, source="core", event_id=f"e{name}", manager_id="M1")
    return [found.key for found in found_of(RULE, seen, taken, parameters)]


@pytest.mark.parametrize("before", CLASSES)
@pytest.mark.parametrize("after", CLASSES)
def test_a_class_worse_than_before_warns(before: str, after: str) -> None:
    order = ["normal", "special_mention", "substandard", "doubtful", "loss"]
    worse = order.index(after) > order.index(before)
    assert keys(RULE, of(classed(before, after))) == [f"L1:{after}"] * worse
    assert keys_of(of(classed(before, after)), 1) == [f"L1:{after}"] * worse


@pytest.mark.parametrize("step", [1, 30, 60, 90, 180])
def test_each_number_of_days_warns_when_it_is_first_reached(step: int) -> None:
    assert keys(RULE, of(overdue(step - 1, step))) == [f"L1:overdue-{step}"]
    assert keys_of(of(overdue(step - 1, step)), 1) == [f"L1:overdue-{step}"]
    assert keys(RULE, of(overdue(step, step + 1))) == []
    assert keys(RULE, of(overdue(step, step - 1))) == []


def test_several_steps_at_once_are_all_said_keys_ascending() -> None:
    assert keys(RULE, of(overdue(0, 200))) == [f"L1:overdue-{days}" for days in (1, 180, 30, 60, 90)]
    assert keys(RULE, of(overdue(29, 89))) == ["L1:overdue-30", "L1:overdue-60"]


def test_the_policy_may_name_other_days() -> None:
    weekly = CreditWarningParameters(overdue=(7, 14))
    assert keys(RULE, of(overdue(0, 6)), weekly) == []
    assert keys(RULE, of(overdue(0, 7)), weekly) == ["L1:overdue-7"]
    assert keys_of(of(overdue(0, 14)), 1, weekly) == ["L1:overdue-14", "L1:overdue-7"]


def test_a_sign_reported_by_a_manager_warns() -> None:
    assert list(RULE.find(of(sign()), PLAIN)) == [Found("sign:e1", CreditWarningEvidence(records=(cause(1),)))]
    assert keys_of(of(sign()), 1) == ["sign:e1"]


def test_a_record_speaks_for_itself_alone() -> None:
    seen = of(classed("normal", "doubtful"), overdue(0, 30, name=2), sign(name=3))
    assert keys_of(seen, 1) == ["L1:doubtful"]
    assert keys_of(seen, 2) == ["L1:overdue-1", "L1:overdue-30"]
    assert keys_of(seen, 3) == ["sign:e3"]
    assert keys_of(seen, 4) == []
    assert keys(RULE, seen) == ["L1:doubtful", "L1:overdue-1", "L1:overdue-30", "sign:e3"]


def test_what_lies_in_a_closed_day_is_left_to_the_next_close() -> None:
    late = {"on": "2026-04-09"}
    seen = of(classed("normal", "loss", **late), overdue(0, 1, name=2, **late), sign(name=3, **late))
    assert [keys_of(seen, name) for name in (1, 2, 3)] == [[], [], []]
    assert keys(RULE, seen) == ["L1:loss", "L1:overdue-1", "sign:e3"]


def test_before_the_first_close_no_day_is_closed() -> None:
    seen = replace(of(classed("normal", "loss", on="2026-04-01"), sign(name=2, on="2026-04-01")), closed_before=False)
    assert [keys_of(seen, name) for name in (1, 2)] == [["L1:loss"], ["sign:e2"]]


def test_the_evidence_is_what_was_said_first() -> None:
    again = classed("normal", "loss", name=5)
    steps = [
        classed("doubtful", "loss"),
        classed("loss", "normal", name=4),
        again,
        overdue(0, 35, name=2, loan_id="L2"),
    ]
    behind = (cause(2),)
    assert list(RULE.find(of(*steps), PLAIN)) == [
        Found("L1:loss", CreditWarningEvidence(before="doubtful", after="loss", records=(cause(1),))),
        Found("L2:overdue-1", CreditWarningEvidence(days_overdue=35, records=behind)),
        Found("L2:overdue-30", CreditWarningEvidence(days_overdue=35, records=behind)),
    ]


def test_what_was_said_of_a_loan_was_said() -> None:
    assert RULE.holds is not None
    assert RULE.holds(of(), PLAIN, "L1:overdue-30"), "the view is of what came since the last close"


def test_the_sentences() -> None:
    def said(**what: object) -> Says:
        return RULE.says(CreditWarningEvidence(records=(), **what), "CNY")  # type: ignore[arg-type]

    assert said(before="normal", after="special_mention") == Says(
        zh="贷款分类由正常下调为关注", en="A loan was classified special mention, normal before"
    )
    assert said(days_overdue=1) == Says(zh="贷款逾期 1 天", en="A loan is 1 day overdue")
    assert said(days_overdue=35) == Says(zh="贷款逾期 35 天", en="A loan is 35 days overdue")
    assert said() == Says(zh="客户经理上报了信用风险信号", en="A manager reported a sign of credit trouble")

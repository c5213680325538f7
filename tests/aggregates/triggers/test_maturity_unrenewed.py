"""``maturity_unrenewed``: at the close of v+3: amount − max(0, AUM(v−1) − AUM(v+3)) < 80% of amount (DOMAIN §5)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.triggers.maturity_unrenewed import RULE, MaturityUnrenewedEvidence, MaturityUnrenewedParameters
from aggregates.triggers.rule import Found, Says, Share
from aggregates.triggers.view import Matured
from tests.dsl.nights import check_due, judged, night_by_night
from tests.dsl.seen import FIRST, Seen, cause

DEFAULTS = MaturityUnrenewedParameters()
TERM = day_of("2026-06-15")
DAY = TERM + 3


def found(seen: Seen, parameters: MaturityUnrenewedParameters = DEFAULTS) -> list[Found]:
    return list(RULE.find(seen, parameters))


def matured(*, now: int, before: int = 300_000_00, amount: int = 100_000_00, day: int = DAY) -> Seen:
    worth = {FIRST: 1, TERM - 1: before, TERM: 5, DAY: now, DAY + 1: 7}
    return Seen(day=day, worth=worth, came_to_term=[Matured(TERM, amount, cause())])


@pytest.mark.parametrize(("now", "fires"), [(280_000_00, False), (279_999_99, True)])
def test_a_fifth_of_it_may_go(now: int, fires: bool) -> None:
    assert bool(found(matured(now=now))) is fires


@pytest.mark.parametrize(("day", "fires"), [(DAY - 1, False), (DAY, True), (DAY + 1, False)])
def test_three_days_behind(day: int, fires: bool) -> None:
    assert bool(found(matured(now=0, day=day))) is fires


def test_what_a_manager_reads() -> None:
    [(key, evidence)] = found(matured(now=225_000_00))
    assert key == "e1"
    assert evidence == MaturityUnrenewedEvidence(amount=100_000_00, kept=25_000_00, records=(cause(),))
    assert RULE.says(evidence, "CNY") == Says(
        "产品到期 100,000.00 元，仅 25,000.00 元留在本行",
        "100,000.00 CNY came due, 25,000.00 CNY of it stayed",
    )


def test_more_than_the_product_may_be_gone() -> None:
    [(_, evidence)] = found(matured(now=180_000_00))
    assert evidence.kept == -20_000_00
    assert RULE.says(evidence, "CNY").en == "100,000.00 CNY came due, 0.00 CNY of it stayed"


def test_each_product_by_itself_keys_ascending() -> None:
    products = [Matured(TERM, 10_00, cause(name)) for name in (3, 1, 2)]
    products += [Matured(TERM, 99_00, cause(1, "funds"))]  # the same event_id: the same key, said once
    seen = Seen(day=DAY, worth={FIRST: 30_00, TERM: 0}, came_to_term=products)
    assert [(each.key, each.evidence.amount) for each in found(seen)] == [("e1", 10_00), ("e2", 10_00), ("e3", 10_00)]


def test_the_policy_may_say_otherwise() -> None:
    parameters = MaturityUnrenewedParameters(days=4, share=Share(1, 2))
    seen = Seen(day=TERM + 4, worth={FIRST: 10, DAY: 6, TERM + 4: 5}, came_to_term=[Matured(TERM, 10, cause())])
    assert not found(seen, parameters)
    seen = Seen(day=TERM + 4, worth={FIRST: 10, DAY: 6, TERM + 4: 4}, came_to_term=[Matured(TERM, 10, cause())])
    assert found(seen, parameters)


def test_looked_at_on_that_day_alone() -> None:
    assert judged(RULE, matured(now=0, day=TERM), 400) == [DAY]
    assert judged(RULE, matured(now=0, day=TERM - 9), 400) == [DAY]
    assert judged(RULE, matured(now=0, day=DAY - 1), 400) == [DAY]
    assert judged(RULE, matured(now=0, day=DAY), 400) == []


@night_by_night
@given(
    st.dictionaries(st.integers(TERM - 9, TERM + 9), st.integers(-3, 12), max_size=6),
    st.lists(st.tuples(st.integers(TERM - 6, TERM + 6), st.integers(1, 9)), max_size=5),
    st.integers(1, 5),
)
def test_due_is_never_too_late(worth: dict[int, int], products: Sequence[tuple[int, int]], days: int) -> None:
    came = [Matured(on, amount, cause(at)) for at, (on, amount) in enumerate(products)]
    seen = Seen(day=TERM, worth=worth, came_to_term=came)
    check_due(RULE, seen, 15, MaturityUnrenewedParameters(days=days))

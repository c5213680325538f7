"""What rules see of a customer, day by day against the definition (DOMAIN §3, §5; ``aggregates.triggers.view``)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.customer import Customer
from aggregates.dates import Day, days_in, first_day, iso, month_of
from aggregates.tiers import ORDINARY
from aggregates.triggers.seen import Seen
from tests.dsl.bank import Bank
from tests.dsl.records import closed_through, money, opened
from tests.dsl.seen import FIRST

FIRST_CLOSE = FIRST + 4


def bank_of(moves: dict[Day, int], through: Day) -> Bank:
    """C1 with an account; moves: amount by value date, in hundreds of whole units, all taken by the close of `through`."""
    bank = Bank().given(opened("C1", "A1", on=iso(FIRST - 12)))
    for day in sorted(moves):
        if day > FIRST_CLOSE:
            bank.given(closed_through(iso(FIRST_CLOSE)), closed_through(iso(min(day, through + 1) - 1)))
        if moves[day]:
            kind = "deposit" if moves[day] > 0 else "fee_charged"
            bank.given(money(kind, "C1", "A1", f"{abs(moves[day])}00.00", on=iso(day), at=iso(min(day, through))))
    return bank.given(closed_through(iso(FIRST_CLOSE)), closed_through(iso(through)))


def levels_of(moves: dict[Day, int], last: Day) -> dict[Day, int]:
    """End-of-day AUM by its definition, from long before F to `last`."""
    counted = [(max(day, FIRST), amount * 100_00) for day, amount in moves.items()]
    return {day: sum(amount for on, amount in counted if on <= day) for day in range(FIRST - 40, last + 1)}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(FIRST - 10, FIRST + 40), st.integers(-3, 3), max_size=9),
    st.sampled_from([FIRST_CLOSE, FIRST + 25, FIRST + 36]),
    st.sampled_from([0, 1]),
)
def test_money_of_every_day_that_a_rule_may_ask_for(moves: dict[Day, int], through: Day, behind: int) -> None:
    """behind: the view is of the close that was, or of the open day after it."""
    moves = {day: amount for day, amount in moves.items() if day <= through + 1}
    bank = bank_of(moves, through)
    day, back = through + behind, through - 30
    view, levels = Seen(bank.shard, bank.customer(), day), levels_of(moves, through + 5)
    assert [view.aum(each) for each in range(back, through + 5)] == [levels[each] for each in range(back, through + 5)]
    for first in range(back, day + 1):
        assert view.high(first) == max((levels[each], each) for each in range(first, day + 1))
        for last in (FIRST - 1, day - 1, day):
            stretches = list(view.levels(first, last)) if first <= last else []
            told = {each: level for start, end, level in stretches for each in range(start, end + 1)}
            assert told == {each: levels[each] for each in range(first, last + 1)}
            assert [end for _, end, _ in stretches] == sorted((end for _, end, _ in stretches), reverse=True)
    assert view.balance("A1", day) == levels[day]
    so_far, of_month = view.month_so_far(), range(first_day(month_of(day)), day + 1)
    stays = levels[day] * (days_in(month_of(day)) - len(of_month))
    assert so_far.projected_sum_minor == sum(levels[each] for each in of_month) + stays
    changes = [each for each in range(day + 1, through + 5) if levels[each] != levels[each - 1]]
    assert view.next_change() == (changes[0] if changes else 0)


@pytest.mark.parametrize("ahead", [0, 1], ids=["closed", "open"])
def test_of_who_is_nothing_but_a_name_there_is_nothing_to_see(ahead: int) -> None:
    shard = Bank().given(opened("C2", "A2", on=iso(FIRST)), closed_through(iso(FIRST))).shard
    day = FIRST + ahead
    view = Seen(shard, Customer("C1", 1, {}), day)
    assert (view.tier, view.tier_before, view.aum(day), view.high(day - 9)) == (ORDINARY, ORDINARY, 0, (0, day))
    assert (view.last_activity(), view.next_activity(), view.next_change()) == (None, 0, 0)
    several = (view.outs(day, day), view.payrolls(day, day), view.matured(day, day), view.closings(), view.maturities(),
               view.open_accounts(), view.complaints(), view.credit_signs(), view.loan_steps())  # fmt: skip
    assert [len(each) for each in several] == [0] * len(several)

"""``relationship_end``: AUM(d−1) > 0 ≥ AUM(d), or the last AUM account closed; armed again only by AUM > 0 (DOMAIN §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.triggers.relationship_end import RULE, RelationshipEndParameters
from aggregates.triggers.rule import Found, Says
from aggregates.triggers.view import Closing
from tests.dsl.nights import check_due, judged, night_by_night
from tests.dsl.seen import FIRST, Seen, Steps, cause, out

DEFAULTS = RelationshipEndParameters()
DAY = day_of("2026-06-15")


def found(seen: Seen) -> list[Found]:
    return list(RULE.find(seen, DEFAULTS))


@pytest.mark.parametrize(
    ("worth", "fires"),
    [
        ({FIRST: 1, DAY: 0}, True),
        ({FIRST: 1, DAY: -1}, True),
        ({FIRST: 2, DAY: 1}, False),
        ({FIRST: 0, DAY: -1}, False),
        ({FIRST: 1, DAY - 1: 0}, False),
    ],
)
def test_when_the_last_money_leaves(worth: Steps, fires: bool) -> None:
    assert bool(found(Seen(day=DAY, worth=worth))) is fires


@pytest.mark.parametrize(
    ("accounts", "closed_on", "fires"),
    [
        ({"A1": {FIRST: 0}}, DAY, True),
        ({"A1": {FIRST: 0}}, DAY - 1, False),
        ({"A1": {FIRST: 0}}, DAY + 1, False),
        ({"A1": {FIRST: 0}, "A2": {FIRST: 0}}, DAY, False),
        ({"A1": {FIRST: 0}, "A2": {DAY + 1: 0}}, DAY, True),
    ],
)
def test_when_the_last_account_closes(accounts: dict[str, Steps], closed_on: int, fires: bool) -> None:
    seen = Seen(day=DAY, accounts=accounts, closed=[Closing("A1", closed_on, cause())])
    assert bool(found(seen)) is fires


def closes(worth: Steps, *raised: int) -> Seen:
    closing = Closing("A1", DAY, cause())
    return Seen(
        day=DAY, worth=worth, accounts={"A1": {FIRST: 0}}, closed=[closing], raised={"relationship_end": raised}
    )


@pytest.mark.parametrize(
    ("worth", "raised", "fires"),
    [
        ({FIRST: 5, DAY - 50: 0}, (), True),  # armed from the start: what was before its first raise does not matter
        ({FIRST: 5, DAY - 50: 0}, (DAY - 50,), False),  # the end was said
        ({FIRST: 5, DAY - 50: 0, DAY - 40: 1, DAY - 39: 0}, (DAY - 50,), True),  # there was money since
        ({FIRST: 5, DAY - 50: 0, DAY - 40: 1, DAY - 39: 0}, (DAY - 50, DAY - 39), False),
        ({FIRST: 5, DAY - 49: 0}, (DAY - 50,), False),
        ({FIRST: 5, DAY - 48: 0}, (DAY - 50,), True),
        ({FIRST: 0}, (DAY - 50,), False),
        ({FIRST: 5}, (DAY - 50,), True),  # closed with money in it
        ({FIRST: 0, DAY: 5}, (DAY - 50,), True),
    ],
)
def test_armed_from_the_start_and_again_by_money_alone(worth: Steps, raised: tuple[int, ...], fires: bool) -> None:
    assert bool(found(closes(worth, *raised))) is fires


def test_tested_again_it_does_not_ask_whether_it_was_armed() -> None:
    seen = closes({FIRST: 0}, DAY - 50)
    assert RULE.holds is not None
    assert not found(seen)
    assert RULE.holds(seen, DEFAULTS, "2026-06-15")
    assert not RULE.holds(seen.at(DAY + 1), DEFAULTS, "2026-06-15")


def test_what_a_manager_reads_when_the_money_is_gone() -> None:
    seen = Seen(
        day=DAY,
        accounts={"A2": {FIRST: 2, DAY: 0}, "A1": {FIRST: 3, DAY: 0}, "A0": {FIRST: 0}},
        closed=[Closing("A0", DAY - 1, cause(0))],
        paid_out=[out(DAY, 2, name=2), out(DAY - 1, 2, name=1), out(DAY, 3, "cash", name=3)],
    )
    [(key, evidence)] = found(seen)
    assert key == "2026-06-15"
    assert (evidence.accounts, evidence.records) == (("A1", "A2"), (cause(2), cause(3)))
    assert RULE.says(evidence, "CNY") == Says("客户金融资产已清零（账户 A1、A2）", "No AUM is left: A1, A2")


def test_what_a_manager_reads_when_the_last_account_is_closed() -> None:
    seen = Seen(
        day=DAY,
        accounts={"A2": {FIRST: 2, DAY: 0}, "A1": {FIRST: 0}},
        closed=[Closing("A2", DAY, cause(3)), Closing("A1", DAY, cause(4))],
        paid_out=[out(DAY, 2, name=2)],
    )
    [(_, evidence)] = found(seen)
    assert (evidence.accounts, evidence.records) == (("A1", "A2"), (cause(2), cause(3), cause(4)))
    assert RULE.says(evidence, "CNY") == Says(
        "客户已销最后一个账户（账户 A1、A2）",
        "The last account is closed: A1, A2",
    )


def test_money_left_in_a_closed_account_that_moves_later() -> None:
    seen = Seen(day=DAY, accounts={"A1": {FIRST: 2, DAY: 0}}, closed=[Closing("A1", DAY - 40, cause())])
    [(_, evidence)] = found(seen)
    assert evidence.accounts == ()
    assert RULE.says(evidence, "CNY") == Says("客户金融资产已清零", "No AUM is left")


def test_a_quiet_customer_is_not_looked_at() -> None:
    assert judged(RULE, Seen(day=DAY, worth={FIRST: 5, DAY: 0}), 400) == []


@night_by_night
@given(
    st.dictionaries(st.integers(DAY - 9, DAY + 12), st.integers(-1, 1), max_size=8),
    st.lists(
        st.tuples(st.sampled_from("AB"), st.integers(DAY - 4, DAY + 12)), max_size=2, unique_by=lambda each: each[0]
    ),
    st.lists(st.integers(DAY - 9, DAY - 1), max_size=1),
    st.integers(0, 9),
)
def test_due_is_never_too_late(
    worth: dict[int, int], closed: list[tuple[str, int]], raised: list[int], cooldown: int
) -> None:
    accounts: dict[str, Steps] = {"A": worth or {DAY: 0}, "B": {DAY - 5: 0}}
    closings = [Closing(name, on, cause(name)) for name, on in closed]
    seen = Seen(day=DAY, accounts=accounts, closed=closings, raised={"relationship_end": raised})
    check_due(RULE, seen, 25, RelationshipEndParameters(cooldown_days=cooldown))

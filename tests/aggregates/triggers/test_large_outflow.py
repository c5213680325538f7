"""``large_outflow``: what left on a day, as far as AUM fell with it, ≥ 50,000 and ≥ 20% of AUM before (DOMAIN §5)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.triggers.large_outflow import RULE, Flow, LargeOutflowEvidence, LargeOutflowParameters, worse
from aggregates.triggers.rule import Found, Says, Share
from aggregates.triggers.view import Out
from tests.dsl.nights import check_due, judged, night_by_night
from tests.dsl.records import money
from tests.dsl.seen import FIRST, Seen, cause, out

DAY = day_of("2026-06-15")
DEFAULTS = LargeOutflowParameters()


def found(seen: Seen, parameters: LargeOutflowParameters = DEFAULTS) -> list[Found]:
    return list(RULE.find(seen, parameters))


def lost(*outs: Out, before: int, now: int, day: int = DAY) -> Seen:
    return Seen(day=day, worth={FIRST: before, DAY: now}, paid_out=outs)


@pytest.mark.parametrize(("amount", "fires"), [(50_000_00, True), (49_999_99, False)])
def test_so_much_at_least(amount: int, fires: bool) -> None:
    assert bool(found(lost(out(DAY, amount), before=100_000_00, now=100_000_00 - amount))) is fires


@pytest.mark.parametrize(("before", "fires"), [(300_000_00, True), (300_000_01, False)])
def test_a_fifth_of_aum_at_least(before: int, fires: bool) -> None:
    assert bool(found(lost(out(DAY, 60_000_00), before=before, now=before - 60_000_00))) is fires


@pytest.mark.parametrize(("now", "fires"), [(50_000_00, True), (50_000_01, False)])
def test_only_what_aum_fell_by_is_lost(now: int, fires: bool) -> None:
    assert bool(found(lost(out(DAY, 80_000_00), before=100_000_00, now=now))) is fires


def test_only_what_left_is_lost() -> None:
    [(_, evidence)] = found(lost(out(DAY, 60_000_00), before=200_000_00, now=100_000_00))
    assert (evidence.out, evidence.loss) == (60_000_00, 60_000_00)


@pytest.mark.parametrize(
    ("kind", "fires"),
    [("own", False), ("same_bank", False), ("other_bank", True), ("payment_platform", True), ("cash", True),
     ("unknown", True)],
)  # fmt: skip
def test_within_the_bank_nothing_leaves(kind: str, fires: bool) -> None:
    assert bool(found(lost(out(DAY, 60_000_00, kind), before=100_000_00, now=40_000_00))) is fires


def test_nothing_that_left_is_no_outflow_whatever_the_policy() -> None:
    parameters = LargeOutflowParameters(at_least=0, share=Share(0, 1))
    assert not found(lost(before=100, now=100), parameters)
    assert not found(lost(out(DAY, 5), before=100, now=100), parameters)
    assert found(lost(out(DAY, 1), before=1, now=0), parameters)


def test_aum_before_is_that_of_the_day_before() -> None:
    worth = {FIRST: 999_999_99, DAY - 1: 100_000_00, DAY: 40_000_00}
    [(_, evidence)] = found(Seen(day=DAY, worth=worth, paid_out=[out(DAY, 60_000_00)]))
    assert (evidence.before, evidence.now) == (100_000_00, 40_000_00)


def test_another_day_is_another_outflow() -> None:
    seen = Seen(
        day=DAY,
        worth={FIRST: 100_000_00, DAY - 1: 70_000_00, DAY: 40_000_00},
        paid_out=[out(DAY - 1, 30_000_00), out(DAY, 30_000_00)],
    )
    assert not found(seen)


@pytest.mark.parametrize("before", [0, -100_000_00])
def test_of_nothing_there_is_no_share(before: int) -> None:
    assert not found(lost(out(DAY, 60_000_00), before=before, now=before - 60_000_00))


def test_there_is_nothing_before_the_first_day() -> None:
    seen = Seen(day=FIRST, worth={FIRST - 9: 100_000_00, FIRST: 40_000_00}, paid_out=[out(FIRST, 60_000_00)])
    assert not found(seen)


def test_what_a_manager_reads() -> None:
    outs = [
        out(DAY, 30_000_00, "payment_platform", name=1),
        out(DAY, 9_999_00, "own", name=2),
        out(DAY, 20_000_01, "cash", transfer=False, name=3),
        out(DAY, 10_000_00, "payment_platform", name=4),
    ]
    [(key, evidence)] = found(lost(*outs, before=100_000_00, now=35_000_00))
    assert key == "2026-06-15"
    assert evidence == LargeOutflowEvidence(
        out=60_000_01, loss=60_000_01, before=100_000_00, now=35_000_00,
        to=(Flow(30_000_00, "payment_platform"), Flow(20_000_01, "cash"), Flow(10_000_00, "payment_platform")),
        records=(cause(1), cause(3), cause(4)),
    )  # fmt: skip
    assert RULE.says(evidence, "CNY") == Says(
        "当日流出 60,000.01 元（第三方支付平台 40,000.00 元、现金 20,000.01 元），金融资产由 100,000.00 元降至 35,000.00 元",
        "60,000.01 CNY left in a day (payment platforms 40,000.00 CNY, cash 20,000.01 CNY); "
        "AUM fell from 100,000.00 CNY to 35,000.00 CNY",
    )


@pytest.mark.parametrize("kind", ["other_bank", "payment_platform", "cash", "unknown"])
def test_every_kind_that_leaves_has_its_word(kind: str) -> None:
    [(_, evidence)] = found(lost(out(DAY, 60_000_00, kind), before=100_000_00, now=0))
    assert kind not in RULE.says(evidence, "CNY").zh


@pytest.mark.parametrize(("on", "fires"), [("2026-06-15", True), ("2026-06-14", False), ("2026-06-16", False)])
def test_a_record_is_asked_only_about_its_own_day(on: str, fires: bool) -> None:
    seen = lost(out(DAY, 60_000_00), before=100_000_00, now=40_000_00)
    record = money("transfer_out", "C1", "A1", "60000.00", on=on)
    assert RULE.on_record is not None
    assert bool(list(RULE.on_record(seen, DEFAULTS, record))) is fires


@pytest.mark.parametrize(("loss", "is_worse"), [(100_000_00, True), (99_999_99, False)])
def test_worse_is_twice_the_last(loss: int, is_worse: bool) -> None:
    last, now = (
        LargeOutflowEvidence(out=0, loss=each, before=0, now=0, to=(), records=()) for each in (50_000_00, loss)
    )
    assert worse(DEFAULTS, now, last) is is_worse


def test_the_policy_may_say_otherwise() -> None:
    parameters = LargeOutflowParameters(at_least=5, share=Share(1, 2))
    assert found(lost(out(DAY, 5), before=10, now=5), parameters)
    assert not found(lost(out(DAY, 4), before=8, now=4), parameters)
    assert not found(lost(out(DAY, 5), before=11, now=6), parameters)


def test_a_quiet_customer_is_not_looked_at() -> None:
    assert judged(RULE, lost(out(DAY, 60_000_00), before=100_000_00, now=40_000_00), 400) == []


MOVES = st.lists(
    st.tuples(st.integers(DAY - 5, DAY + 20), st.integers(1, 9), st.sampled_from(["other_bank", "own"]), st.booleans()),
    max_size=6,
)


@night_by_night
@given(st.integers(0, 20), MOVES, st.integers(0, 9))
def test_due_is_never_too_late(worth: int, moves: Sequence[tuple[int, int, str, bool]], cooldown: int) -> None:
    steps, balance = {FIRST: worth}, worth
    for on, amount, _, comes_back in sorted(moves):
        balance -= 0 if comes_back else amount
        steps[on] = balance
    outs = [out(on, amount, kind) for on, amount, kind, _ in moves]
    parameters = LargeOutflowParameters(at_least=3, cooldown_days=cooldown)
    check_due(RULE, Seen(day=DAY, worth=steps, paid_out=outs), 30, parameters)

"""What stands while a policy has every rule off, and what the next one that has some on still finds (DOMAIN §5)."""

import pytest

from aggregates.conduct import ACT, ACTIVITY_DAYS_AT_MOST, OUT, PAYROLL, conduct_of
from aggregates.dates import day_of, iso
from aggregates.policy import Policy
from aggregates.triggers.catalog import RULES
from aggregates.triggers.sifting import sifted
from events.decisions import CustomerUnparked, RecordParked
from tests.aggregates.triggers.banks import ALL, paid, payroll, product, steps
from tests.dsl.bank import Bank
from tests.dsl.records import closed_through, deposit, opened, withdrawal

ON = Policy()


def off_from(day: str, **of_all: int) -> Policy:
    rules = {rule.code: {"enabled": False, **of_all} for rule in RULES}
    return Policy(version=f"off-{day}", valid_from=day_of(day), triggers=rules)


def bank_of(*policies: Policy) -> Bank:
    bank = Bank(*policies)
    bank.evolve(ALL)
    return bank.given(opened("C1", "A1", on="2026-01-01", balance="100000.00"))


def raised(*policies: Policy) -> Bank:
    """A large outflow was raised on the last day but two of January."""
    bank = bank_of(*policies).given(closed_through("2026-01-28"))
    bank.when(paid("60000.00", "other_bank", on="2026-01-29"), closed_through("2026-01-29"))
    assert steps(bank, "large_outflow") == ["raised 2026-01-29"]
    return bank


def test_what_stands_is_withdrawn_where_a_late_record_undoes_it() -> None:
    bank = raised(ON, off_from("2026-02-01")).when(closed_through("2026-02-03"))
    assert steps(bank, "large_outflow") == []
    bank.when(
        deposit("C1", "A1", "60000.00", on="2026-01-29", at="2026-02-04", id="late"), closed_through("2026-02-04")
    )
    assert steps(bank, "large_outflow") == ["withdrawn 2026-02-04 2026-01-29"]


@pytest.mark.parametrize("days", [3, 5])
def test_what_stands_expires_by_the_version_that_has_them_off(days: int) -> None:
    bank = raised(ON, off_from("2026-02-01", expire_days=days)).when(closed_through("2026-02-28"))
    assert steps(bank, "large_outflow") == [f"expired 2026-02-0{max(days - 2, 1)} 2026-01-29"]


def test_money_out_of_a_day_that_is_not_closed_is_kept_for_the_rules_of_that_day() -> None:
    on = Policy(version="on", valid_from=day_of("2026-02-01"))
    bank = bank_of(off_from("2026-01-01"), on).given(closed_through("2026-01-30"))
    bank.when(withdrawal("C1", "A1", "9.00", on="2026-02-01", at="2026-01-31"), closed_through("2026-01-31"))
    bank.when(paid("49991.00", "other_bank", on="2026-02-01"), closed_through("2026-02-01"))
    assert steps(bank, "large_outflow") == ["raised 2026-02-01"]


def test_only_what_a_rule_to_come_asks_for_is_kept() -> None:
    bank, first = bank_of(off_from("2026-01-01")), day_of("2026-01-01")
    for day in range(first, first + 200):
        bank.when(
            withdrawal("C1", "A1", "10.00", on=iso(day)),
            paid("20.00", "payment_platform", on=iso(day)),
            *payroll(iso(day)),
            deposit("C1", "A1", "1.00", on=iso(max(day - 1, first)), at=iso(day)),
            closed_through(iso(day)),
        )
    bank.check_rebuild()
    conduct = conduct_of(bank.customer())
    assert conduct.more is not None
    assert 0 < conduct.told == len(conduct.outs) <= (bank.shard.look_back + 20) * OUT
    assert conduct.out == conduct.marks == len(conduct.more.late) == 0
    assert len(conduct.acts) <= (ACTIVITY_DAYS_AT_MOST + 1) * ACT
    assert len(conduct.more.payrolls) <= (bank.shard.payroll_months + 2) * 31 * PAYROLL


def test_little_that_left_is_forgotten_with_its_day() -> None:
    bank = bank_of(off_from("2026-01-01")).given(closed_through("2026-01-02"))
    bank.given(paid("20.00", "payment_platform", on="2026-01-03"), closed_through("2026-01-03"))
    bank.given(withdrawal("C1", "A1", "10.00", on="2026-01-04"))
    conduct = conduct_of(bank.customer())
    assert (len(conduct.outs), conduct.out) == (2 * OUT, 10_00)
    bank.when(closed_through("2026-01-04"))
    conduct = conduct_of(bank.customer())
    assert (len(conduct.outs), conduct.told, conduct.out, conduct.marks) == (OUT, OUT, 0, 0)
    bank.check_rebuild()


def test_a_parked_customer_keeps_what_it_has_until_it_goes_on() -> None:
    bank = bank_of(off_from("2026-01-01")).given(closed_through("2026-01-02"))
    bank.given(withdrawal("C1", "A1", "10.00", on="2026-01-03"))
    bank.evolve(RecordParked(customer_id="C1", original="", source="core", event_id="e"))
    bank.when(closed_through("2026-01-03"))
    assert conduct_of(bank.customer()).out == 10_00
    bank.evolve(CustomerUnparked(customer_id="C1", records=1))
    bank.when(closed_through("2026-01-04"))
    assert conduct_of(bank.customer()).out == 0
    bank.check_rebuild()


def test_customers_may_be_packed_while_a_day_closes() -> None:
    bank = bank_of(off_from("2026-01-01")).given(closed_through("2026-01-02"))
    bank.given(withdrawal("C1", "A1", "10.00", on="2026-01-03"))
    assert [each.id for each in sifted(bank.shard, day_of("2026-01-03")).spent] == ["C1"]
    bank.shard.frozen("C1")
    bank.when(closed_through("2026-01-03"))
    assert conduct_of(bank.shard.customers.ensure("C1")).out == 0


def test_what_was_planned_while_rules_were_on_comes_to_nothing() -> None:
    bank = Bank(ON, off_from("2026-02-01"))
    bank.evolve(ALL)
    bank.given(product("2026-02-15")).given(closed_through("2026-01-31"))
    planned = conduct_of(bank.customer()).dues[0::2]
    assert planned
    for day in range(day_of("2026-02-01"), planned[-1] + 1):
        moved = deposit("C1", "A1", "1.00", on=iso(day)), withdrawal("C1", "A1", "1.00", on=iso(day))
        bank.when(*moved, closed_through(iso(day)))
        assert steps(bank, "maturity_upcoming") == steps(bank, "maturity_unrenewed") == []
    assert not bank.shard.days_due
    assert not conduct_of(bank.customer()).dues

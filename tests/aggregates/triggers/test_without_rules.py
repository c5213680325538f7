"""What stands while a policy has every rule off, and what the next one that has some on still finds (DOMAIN §5)."""

import pytest

from aggregates.dates import day_of
from aggregates.policy import Policy
from aggregates.triggers.catalog import RULES
from tests.aggregates.triggers.banks import ALL, paid, steps
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

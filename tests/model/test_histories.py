"""Random histories: the same for the same seed, and of every kind; and what must hold of the model on all of them."""

import random
from collections import Counter
from datetime import timedelta

from tests.model.bank import Bank
from tests.model.histories import history, written_history
from tests.model.months import days_in, first_day, months_between


def test_the_same_seed_gives_the_same_history() -> None:
    assert history(random.Random(7), size=60) == history(random.Random(7), size=60)
    assert history(random.Random(7), size=60) != history(random.Random(8), size=60)


def test_histories_are_various() -> None:
    outcomes: Counter[str | None] = Counter()
    kinds: Counter[str] = Counter()
    alerts: Counter[str] = Counter()
    for seed in range(20):
        written = written_history(random.Random(seed), size=200)
        bank = written.bank
        outcomes.update(written.outcomes)
        kinds.update(change["kind"] for one in bank.customers() for change in bank.tier_changes(one))
        alerts.update(alert["kind"] for alert in bank.alerts)
    assert set(outcomes) == {
        None,
        "duplicate",
        "account_closed",
        "account_exists",
        "account_unknown",
        "already_reversed",
        "bad_value",
        "currency_unsupported",
        "day_already_closed",
        "id_reused_with_other_content",
        "loan_exists",
        "loan_unknown",
        "not_first_record",
        "reversal_unknown",
        "type_not_active",
        "valuation_inconsistent",
        "value_date_in_future",
        "value_date_too_old",
    }
    assert len(kinds) == 11
    assert min(kinds.values()) >= 10
    assert len(alerts) == 6


def test_a_second_bank_that_is_asked_all_the_time_says_the_same() -> None:
    policies, records = history(random.Random(3), size=120)
    quiet, asked = Bank(policies), Bank(policies)
    for record in records:
        assert quiet.take(record) == asked.take(record)
        for one in asked.customers():
            asked.spot(one)
            if asked.first_month is not None:
                asked.month_sum(one, asked.first_month)
    assert [quiet.tier_changes(one) for one in quiet.customers()] == [
        asked.tier_changes(one) for one in asked.customers()
    ]
    assert (quiet.alerts, quiet.restatements) == (asked.alerts, asked.restatements)


def test_sums_of_months_are_sums_of_days() -> None:
    policies, records = history(random.Random(5), size=120)
    bank = Bank(policies)
    for record in records:
        bank.take(record)
    assert bank.first_month is not None
    for customer_id in bank.customers():
        for month in months_between(bank.first_month, str(bank.last_closed_month)):
            for account_id, sum_minor in bank.month_sum_by_account(customer_id, month).items():
                days = [first_day(month) + timedelta(days=one) for one in range(days_in(month))]
                assert sum_minor == sum(bank.end_of_day(customer_id, account_id, day) for day in days)

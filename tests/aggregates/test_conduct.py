"""Signs of life: days in order whatever order they come in, counted so that a reversal can take one back."""

from aggregates.conduct import ACTIVITY_DAYS_KEPT, conduct_of, drop_activity, forget_activity, note_activity
from aggregates.customer import Customer
from tests.dsl.expect import core


def customer(*days: int) -> Customer:
    found = Customer("C1", 0, {})
    for at, day in enumerate(days):
        note_activity(found, day, core(f"e{at}"))
    return found


def test_a_day_names_its_first_record_and_counts_the_others() -> None:
    assert conduct_of(customer(7, 9, 7, 8, 9)).acts == [7, 2, "core", "e0", 8, 1, "core", "e3", 9, 2, "core", "e1"]


def test_a_day_is_gone_with_its_last_record() -> None:
    conduct = conduct_of(customer(7, 9, 7))
    drop_activity(conduct, 7, core("e2"))
    assert conduct.acts == [7, 1, "core", "e0", 9, 1, "core", "e1"]
    drop_activity(conduct, 9, core("e1"))
    assert conduct.acts == [7, 1, "core", "e0"]


def test_of_a_day_whose_named_record_was_reversed_none_is_named() -> None:
    conduct = conduct_of(customer(7, 7))
    drop_activity(conduct, 7, core("e0"))
    assert conduct.acts == [7, 1, "", ""]


def test_what_was_forgotten_is_reversed_without_effect() -> None:
    conduct = conduct_of(customer(7))
    drop_activity(conduct, 6, core("e0"))
    drop_activity(conduct, 8, core("e0"))
    assert conduct.acts == [7, 1, "core", "e0"]


def test_all_days_behind_the_one_asked_for_are_kept_and_some_before() -> None:
    conduct = conduct_of(customer(*range(100, 200)))
    forget_activity(conduct, 180)
    assert conduct.acts[::4] == list(range(180 - ACTIVITY_DAYS_KEPT + 1, 200))

"""Random histories of triggers: the same for the same seed, and every code goes through every step it can."""

import random
from collections import Counter

from tests.model.trigger_histories import trigger_history, written_trigger_history
from tests.model.trigger_settings import CODES

SEEDS = range(20)
BY_PEOPLE = ("claimed", "contacted", "retained", "lost", "no_need")
NEVER_WITHDRAWN = {"dissatisfied", "credit_warning"}  # what somebody said stays true


def test_the_same_seed_gives_the_same_history() -> None:
    assert trigger_history(random.Random(7), size=60) == trigger_history(random.Random(7), size=60)
    assert trigger_history(random.Random(7), size=60) != trigger_history(random.Random(8), size=60)


def test_every_code_is_raised_met_expired_and_withdrawn() -> None:
    steps: Counter[tuple[str, str]] = Counter()
    for seed in SEEDS:
        bank = written_trigger_history(random.Random(seed), size=150).bank
        steps.update((one.code, one.step) for customer_id in bank.customers() for one in bank.steps(customer_id))
    for code in CODES:
        assert steps[code, "raised"] >= 6, code
        assert steps[code, "expired"] >= 2, code
        assert steps[code, "withdrawn"] == 0 or code not in NEVER_WITHDRAWN, code
        assert sum(steps[code, step] for step in BY_PEOPLE) >= 1, code
    assert sum(steps[code, "withdrawn"] > 0 for code in CODES) >= 11  # of 14
    assert sum(steps[code, step] > 0 for code in CODES for step in BY_PEOPLE) >= 65  # of 80

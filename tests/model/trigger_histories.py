"""Random histories that raise triggers: months of daily closes with small thresholds, people, loans, late news.

The same seed gives the same history. The model bank that runs along tells what is open, so that managers claim and
contact; amounts are aimed at thresholds, exact ties included.

    python -m tests.model.trigger_histories SEED        the records as JSON lines; the policies go to standard error
"""

import json
import random
import sys
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from tests.model.histories import History
from tests.model.months import days_in, first_day, last_day, month_of, plus_months
from tests.model.trigger_acts import Acts
from tests.model.triggers import TriggerBank
from tests.model.worlds import CODES
from tests.model.writing import Person, Record

LADDER = [100_000, 250_000, 700_000, 1_500_000]
"""Thresholds, minor units."""


class TriggerHistory(History):
    """One history while it is being written."""

    def __init__(self, rng: random.Random, size: int) -> None:
        super().__init__(rng, size)
        self.policies = random_policies(rng, self.policies, self.start)
        self.bank: TriggerBank = TriggerBank(self.policies)
        self.end = last_day(plus_months(month_of(self.today), rng.randint(2, 4)))
        self.people = [Person(f"C{number}") for number in range(1, rng.choice([1, 1, 2]) + 1)]
        self.per_day = size / (self.end - self.start).days
        self.acts = Acts(self)

    def emit(self, record: Record) -> str | None:
        """Records brought forward say what came before."""
        if record["type"] == "customer_brought_forward" and "last_activity_on" not in record:
            last = date.fromisoformat(record["value_date"])
            if self.rng.random() < 0.5:
                record["last_activity_on"] = str(last - timedelta(days=self.rng.randint(0, 90)))
            if self.rng.random() < 0.5:
                months = [plus_months(month_of(last), -back) for back in range(self.rng.randint(1, 4))]
                paydays = [self.rng.randint(1, 31) for _ in months]
                days = [f"{one}-{min(day, days_in(one)):02d}" for one, day in zip(months, paydays, strict=True)]
                record["payrolls"] = [one for one in days if self.rng.random() < 0.9]
        return super().emit(record)

    def act(self, person: Person) -> None:
        """One thing that a person, a source or a manager does."""
        actions: list[tuple[int, Callable[[Person], None]]] = [
            (3, super().act),
            (3, self.steer),
            (2, self.restate),
            (2, self.reverse),
            (1, self.grant),
            *self.acts.all(),
        ]
        if not person.accounts:
            self.open_account(person)
            return
        weights = [weight for weight, _ in actions]
        self.rng.choices([action for _, action in actions], weights)[0](person)

    def new_month(self) -> None:
        """Tiers move fast: many change between wealth and nothing from month to month."""
        for person in self.people:
            if self.rng.random() < 0.6:
                person.mood = -1 if person.mood >= 0 else self.rng.randrange(len(self.ladder()))
            if person.accounts and self.rng.random() < 0.8:
                self.steer(person)

    def write(self) -> None:
        """The history, from before the first close to the last month end."""
        rng = self.rng
        self.before_the_first_close()
        while self.today <= self.end:
            stop = min(self.today + timedelta(days=rng.choice([0] * 12 + [1, 2, 6])), self.end)
            passed = (stop - self.today).days + 1
            if self.today.day == 1:
                self.new_month()
            self.acts.keep_habits(stop)
            expected = self.per_day * passed
            for _ in range(int(expected) + (rng.random() < expected % 1)):
                self.today = max(self.today, stop - timedelta(days=rng.randint(0, passed - 1)))
                person = rng.choice(self.people)
                if not self.acts.is_silent(person):
                    self.act(person)
            for person in self.people:
                if rng.random() < 0.8:
                    self.acts.manage(person)
            self.today = stop
            if stop == last_day(month_of(stop)) and rng.random() < 0.7:
                self.steer_all()
            self.close_up_to(stop, rng.random() < 0.8)
            self.today = stop + timedelta(days=1)


def random_policies(rng: random.Random, versions: list[dict[str, Any]], start: date) -> list[dict[str, Any]]:
    """The same versions, becoming valid soon after `start`, with small thresholds, short windows and triggers."""
    count = rng.randint(1, len(LADDER))
    windows, triggers = random_windows(rng), random_triggers(rng)
    months = sorted(rng.sample(range(-1, 4), len(versions) - 1))
    found = []
    for number, one in enumerate(versions):
        levels = [
            {"code": code, "threshold": f"{minor // 100}.00"}
            for code, minor in zip(CODES, LADDER[:count], strict=False)
        ]
        named = {"version": one.get("version", "v1"), "levels": levels, "windows": windows, "triggers": triggers}
        if number:
            named["valid_from"] = first_day(plus_months(month_of(start), months[number - 1]))
        found.append(one | named)
        if rng.random() < 0.5:
            windows, triggers = random_windows(rng), random_triggers(rng)
        count = rng.randint(count, len(LADDER))  # a level may come, never go
    return found


def random_windows(rng: random.Random) -> dict[str, int]:
    """Windows that a history of a few months goes through."""
    return {
        "watch_months": rng.choice([1, 2, 3, 3]),
        "exit_months": rng.choice([1, 1, 1, 2, 3]),
        "grace_months": rng.randint(1, 3),
        "restatement_months": rng.randint(2, 6),
    }


def random_triggers(rng: random.Random) -> dict[str, dict[str, Any]]:
    """Parameters of all codes, small ones; some are left out, some codes switched off."""

    def money(choices: list[int]) -> str:
        minor = rng.choice(choices)
        return f"{minor // 100}.{minor % 100:02d}"

    cooldown = {"cooldown_days": rng.choice([0, 1, 3, 7, 30])}
    triggers: dict[str, dict[str, Any]] = {
        "aum_drop": {
            "share": rng.choice(["0.50", "0.70", "0.9"]),
            "high_at_least": money([1, 5_000, 50_000]),
            "window_days": rng.choice([1, 3, 10, 30, 45]),
            **cooldown,
        },
        "large_outflow": {
            "at_least": money([1, 5_000, 50_000]),
            "share": rng.choice(["0.20", "0.05", "0.333"]),
            "times": rng.choice([1, 2, 3]),
            **cooldown,
        },
        "outside_platform_drift": {
            "count": rng.choice([1, 2, 3]),
            "share": rng.choice(["0.20", "0.05"]),
            "window_days": rng.choice([1, 5, 10, 30, 45]),
            **cooldown,
        },
        "payroll_stopped": {
            "months": rng.choice([1, 1, 2, 3]),
            "after_days": rng.choice([0, 1, 5, 10]),
            "window_days": rng.choice([5, 10, 25]),
        },
        "maturity_upcoming": {"days": rng.choice([1, 7, 20])},
        "maturity_unrenewed": {"days": rng.choice([1, 3, 10]), "share": rng.choice(["0.80", "0.5", "1.00"])},
        "tier_at_risk": {"from_day": rng.choice([1, 10, 20])},
        "near_upgrade": {"from_day": rng.choice([1, 10, 20]), "share": rng.choice(["0.90", "0.5", "1.0"])},
        "dormant": {"days": rng.choice([2, 5, 20, 90]), "aum_at_least": money([1, 5_000]), **cooldown},
        "complaint_open": {"working_days": rng.choice([1, 2, 5])},
        "dissatisfied": {"at_most": rng.choice([1, 2, 4])},
        "relationship_end": dict(cooldown),
        "credit_warning": {"overdue": rng.choice([[1, 30, 60, 90, 180], [5, 10], [1]])},
        "special_expiring": {"days": rng.choice([5, 30, 100])},
        "downgrade_watch": {},
        "lapsed": {},
    }
    for said in triggers.values():
        said["expire_days"] = rng.choice([1, 2, 7, 15, 30])
        if rng.random() < 0.03:
            said["enabled"] = False
        for name in [one for one in said if rng.random() < 0.1]:
            del said[name]
    return {code: said for code, said in triggers.items() if said}


def trigger_history(rng: random.Random, *, size: int) -> tuple[list[dict[str, Any]], list[Record]]:
    """Policies as parsed TOML and records in log order: 3–5 months, about `size` records besides the closes."""
    written = written_trigger_history(rng, size=size)
    return written.policies, written.records


def written_trigger_history(rng: random.Random, *, size: int) -> TriggerHistory:
    """The same, with the bank that took the records while they were written."""
    written = TriggerHistory(rng, size)
    written.write()
    return written


def main(seed: int) -> None:
    """Prints a history of middle size."""
    policies, records = trigger_history(random.Random(seed), size=200)
    for policy in policies:
        sys.stderr.write(json.dumps(policy, default=str) + "\n")
    for record in records:
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))

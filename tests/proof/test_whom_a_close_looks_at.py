"""A close that asks whom it must, and what it must, decides what one decides that asks everybody everything (DOMAIN §5, When).

Plain money only, since anything more asks all rules anyway: levels near every threshold there is, held and left again, funds
valued on their day or on the day after, further accounts; people who were known before they had one, and banks in which some of
the rules are off, so that no rule lives on what another one asks.
"""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from aggregates.dates import day_of, iso
from aggregates.policy import Policy
from aggregates.triggers import sifting
from aggregates.triggers.catalog import RULES
from aggregates.triggers.duty import ALL
from aggregates.triggers.sifting import Sifted
from events.decisions import TriggerMoved, TriggersActivated
from events.fields import Record
from tests.dsl.bank import Bank
from tests.dsl.records import brought, closed_through, consent, money, opened, valued

SEEDS = range(int(os.environ.get("GUANXI_PROOF_FROM", "0")), int(os.environ.get("GUANXI_PROOF_TO", "12")))
FIRST, DAYS = day_of("2026-01-01"), 105
NEAR = (0, 1, 9_999_99, 10_000_00, 30_000_00, 49_999_99, 50_000_00, 71_000_00, 90_000_00, 150_000_00, 179_999_99, 180_000_00,
        199_999_99, 200_000_00, 210_000_00, 300_000_00, 449_999_99, 450_000_00, 500_000_00, 520_000_00)  # fmt: skip
LEVELS = ("ordinary", "gold", "platinum")


class Person:
    """A customer with an account, perhaps a fund, and an own pace."""

    def __init__(self, chance: random.Random, number: int) -> None:
        self.id, self.level = f"C{number}", LEVELS[number % len(LEVELS)]
        self.chance, self.pace = chance, chance.choice((0.05, 0.2, 0.6))
        self.balances = {"A": chance.choice(NEAR)}
        self.fund = chance.choice((0, 0, 20_000_00, 60_000_00, 200_000_00))
        self.since = FIRST + chance.choice((0, 0, 0, 3, 9))
        if self.since > FIRST:
            self.pace, self.balances["A"], self.fund = 0.02, chance.choice((0, self.balances["A"])), 0

    def arrives(self, day: int) -> Iterator[Record]:
        """On the first day with all of it, or with a word on marketing and a few days later with an account."""
        if day == FIRST < self.since:
            yield consent(self.id, at=iso(day))
        if day != self.since:
            return
        if self.level != "ordinary":
            yield brought(self.id, "vip", level=self.level, on=iso(FIRST - 1))
        balance = _yuan(self.balances["A"]) if self.balances["A"] else None
        yield opened(self.id, f"{self.id}A", on=iso(day), balance=balance)
        if self.fund:
            yield opened(self.id, f"{self.id}F", on=iso(day), category="fund", balance=_yuan(self.fund))

    def lives(self, day: int) -> Iterator[Record]:
        """What comes in of a day."""
        chance = self.chance
        if day <= self.since:
            return
        if self.fund and chance.random() < 0.3:
            self.fund = max(self.fund + chance.choice((-1, 1)) * chance.choice((1, 10_00, 9_000_00, self.fund // 2)), 1)
            of = day if chance.random() < 0.3 else day - 1
            yield valued(self.id, f"{self.id}F", _yuan(self.fund), on=iso(of), at=iso(day))
        if chance.random() > self.pace:
            return
        if len(self.balances) < 3 and chance.random() < 0.05:
            name = "ABC"[len(self.balances)]
            self.balances[name] = chance.choice((0, 0, 20_000_00, 100_000_00))
            yield opened(self.id, f"{self.id}{name}", on=iso(day), balance=_yuan(self.balances[name]))
        name = chance.choice([*self.balances])
        wanted = chance.choice(NEAR)
        change = wanted - self.balances[name]
        if change:
            self.balances[name] = wanted
            kinds = ("deposit", "transfer_in", "payroll_credited") if change > 0 else ("withdrawal", "transfer_out")
            kind = chance.choice(kinds)
            more: dict[str, Any] = {}
            if kind == "transfer_out":
                more["counterparty"] = {"kind": chance.choice(("own", "same_bank", "other_bank", "payment_platform"))}
            yield money(kind, self.id, f"{self.id}{name}", _yuan(abs(change)), on=iso(day), **more)


def _yuan(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


def _history(seed: int) -> list[list[Record]]:
    chance = random.Random(seed)
    people = [Person(chance, number) for number in range(4)]
    return [
        [record for each in people for of_day in (each.arrives(day), each.lives(day)) for record in of_day]
        for day in range(FIRST, FIRST + DAYS)
    ]


def _policy(seed: int) -> Policy:
    """All rules, or some."""
    codes = [rule.code for rule in RULES]
    off = random.Random(f"rules {seed}").sample(codes, (0, len(codes) // 2, len(codes) - 2)[seed % 3])
    return Policy(triggers={code: {"enabled": False} for code in off})


def _steps(bank: Bank, days: list[list[Record]]) -> list[TriggerMoved]:
    bank.evolve(TriggersActivated(tuple(rule.code for rule in RULES)))
    for at, records in enumerate(days):
        bank.when(*records, closed_through(iso(FIRST + at)))
    moved = [line for line in bank.lines if isinstance(line, TriggerMoved)]
    return sorted(moved, key=lambda line: (line.customer_id, line.sequence))


def _everybody(shard: Any, day: int) -> Sifted:
    return Sifted(day, dict.fromkeys(shard.customers.all, ALL), [], {}, [], {})


@pytest.mark.parametrize("seed", SEEDS)
def test_asking_whom_it_must_is_asking_everybody(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    days = _history(seed)
    bank = Bank(_policy(seed))
    found = _steps(bank, days)
    bank.check_rebuild()
    monkeypatch.setattr(sifting, "_sift", _everybody)
    assert found == _steps(Bank(_policy(seed)), days)
    assert seed % 3 or len({line.code for line in found}) > 3


def _off(version: str, valid_from: str, on: tuple[str, ...] = ()) -> Policy:
    rules = {rule.code: {"enabled": False} for rule in RULES if rule.code not in on}
    return Policy(version=version, valid_from=day_of(f"{valid_from}-01"), triggers=rules)


@pytest.mark.parametrize("seed", SEEDS)
def test_where_every_rule_is_off_for_some_months_nothing_is_missed_after_them(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = (("2026-01", "2026-03"), ("2026-02",), ("2026-01", "2026-02"), ("2026-03",))[seed % 4]
    months = ("2026-01", "2026-02", "2026-03", "2026-04")
    on = tuple(rule.code for rule in RULES)
    policies = [_off(month, month, () if month in off else on) for month in months]
    days = _history(seed)
    bank = Bank(*policies)
    found = _steps(bank, days)
    bank.check_rebuild()
    monkeypatch.setattr(sifting, "_sift", _everybody)
    monkeypatch.setattr(sifting, "_sift_without_rules", _everybody)
    assert found == _steps(Bank(*policies), days)
    assert {line.business_date[:7] for line in found if line.step == "raised"}.isdisjoint(off)
    assert found


def test_what_came_late_and_was_no_news_is_forgotten_with_the_close() -> None:
    bank = Bank().given(
        opened("C1", "F1", on="2026-01-01", category="fund", balance="100000.00"), closed_through("2026-02-02")
    )
    bank.when(valued("C1", "F1", "100100.00", on="2026-02-02", at="2026-02-03"), closed_through("2026-02-03"))
    bank.check_rebuild()
    conduct = bank.shard.customers.ensure("C1").conduct
    assert conduct is not None
    assert conduct.more is not None
    assert not conduct.more.late

"""What the made-up bank looks like beside public figures of Chinese banks: docs/simulator.md has the sources."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from benchmarks.measure import Figures, Watch
from benchmarks.report import Row
from benchmarks.stage import Stage
from guanxi.simulator.accounts import Account
from guanxi.simulator.days import bank_day
from guanxi.simulator.stream import START, Bank

CUSTOMERS = 20_000
QUICK_CUSTOMERS = 2_000
DAYS = 365
SEED = 1
MIX = {
    "deposit": "deposits", "wealth_product": "wealth products", "fund": "funds", "gold": "gold",
    "certificate_bond": "bonds", "treasury_bond": "bonds", "cts_margin": "margin",
}  # fmt: skip
_MONEY = re.compile(r'"type":"(withdrawal|transfer_out)".*?"amount":(\d+).*?"kind":"(\w+)"')
WAYS = {
    ("withdrawal", "payment_platform"): "platform",
    ("withdrawal", "unknown"): "card",
    ("withdrawal", "cash"): "cash",
}
SALE = date(2025, 11, 11)


class Top(NamedTuple):
    """The customers above a threshold: their share of all customers and of all AUM."""

    customers: float
    aum: float


class Portrait:
    """A bank lived through, and what is counted on the way. Shares are of 1."""

    def __init__(self, customers: int = CUSTOMERS, days: int = DAYS, seed: int = SEED) -> None:
        """Live the days."""
        self._bank = Bank(customers, days, seed)
        self.records = 0
        self.ways: Counter[str] = Counter()
        """Payments out by way: platform, card, cash, and the rest."""
        self.card_minor = 0
        self.platform: dict[date, tuple[int, int]] = {}
        """Count and minor units of what was paid through platforms, by day."""
        self.deposits_minor: dict[date, int] = {}
        """Of all customers, at the end of each month and on the 10th."""
        for number in range(days):
            on = START + timedelta(days=number)
            lines = self._bank.lines_of(bank_day(on))
            self.records += len(lines)
            self._count(on, lines)

    def _count(self, on: date, lines: list[str]) -> None:
        count = total = 0
        for line in lines:
            if found := _MONEY.search(line):
                kind, amount, side = found[1], int(found[2]), found[3]
                if side == "own":
                    continue
                way = WAYS.get((kind, side), "transfer")
                if way == "card":
                    self.card_minor += amount
                self.ways[way] += 1
                if way == "platform":
                    count, total = count + 1, total + amount
        self.platform[on] = count, total
        if (on + timedelta(days=1)).day == 1 or on.day == 10:
            self.deposits_minor[on] = sum(
                account.balance_minor
                for each in self._bank.everyone
                for account in _held(each)
                if account.category == "deposit"
            )

    def top(self, from_minor: int) -> Top:
        """Those with at least so much, now."""
        held = [each.aum_minor() for each in self._bank.everyone]
        above = [each for each in held if each >= from_minor]
        return Top(len(above) / len(held), sum(above) / sum(held))

    def mean_minor(self) -> float:
        """AUM of a customer."""
        return sum(each.aum_minor() for each in self._bank.everyone) / len(self._bank.everyone)

    def mix(self) -> dict[str, float]:
        """What is held, by kind."""
        found: Counter[str] = Counter()
        for each in self._bank.everyone:
            for account in _held(each):
                found[MIX[account.category]] += account.balance_minor
        return {kind: found[kind] / found.total() for kind in dict.fromkeys(MIX.values())}

    def sale(self) -> tuple[float, float]:
        """Payments through platforms on Singles' Day, against the average of October: count, amount."""
        october = [figures for on, figures in self.platform.items() if (on.year, on.month) == (2025, 10)]
        count, total = self.platform[SALE]
        return count * 31 / sum(c for c, _ in october), total * 31 / sum(t for _, t in october)


def drawn(customers: int, days: int) -> Figures:
    """What there is to say of a bank: shares of 1, amounts in CNY."""
    with Watch() as watch:
        portrait = Portrait(customers, days)
    payments = portrait.ways.total()
    sale_count, sale_amount = portrait.sale()
    rich, private = portrait.top(500_000_00), portrait.top(10_000_000_00)
    months = portrait.deposits_minor
    after_quarters = [
        months[date(2025, month + 1, 10)] / months[date(2025, month, days_in)] - 1
        for month, days_in in ((3, 31), (6, 30), (9, 30))
    ]
    return watch.figures(
        records=portrait.records,
        rich=rich,
        private=private,
        mean=portrait.mean_minor() / 100,
        mix=portrait.mix(),
        ways={way: count / payments for way, count in sorted(portrait.ways.items())},
        card=portrait.card_minor / portrait.ways["card"] / 100,
        sale_count=sale_count,
        sale_amount=sale_amount,
        after_quarters=after_quarters,
    )


def run(stage: Stage) -> Iterator[Row]:
    """A year of a bank; the public figures are in docs/simulator.md."""
    customers = QUICK_CUSTOMERS if stage.options.quick else CUSTOMERS
    figures = stage.alone("portrait:drawn", customers=customers, days=DAYS)
    for name, key in (("AUM from 500,000", "rich"), ("AUM from 10,000,000", "private")):
        share, aum = figures[key]
        yield Row(name, f"{share:.3%} hold {aum:.0%}", figures)
    yield Row("AUM a customer", f"{figures['mean']:,.0f} CNY", figures)
    yield from (Row(f"AUM in {kind}", f"{share:.1%}", figures) for kind, share in figures["mix"].items())
    yield from (Row(f"payments by {way}", f"{share:.1%}", figures) for way, share in figures["ways"].items())
    yield Row("a card payment", f"{figures['card']:,.0f} CNY", figures)
    yield Row("Singles' Day, count", f"{figures['sale_count'] - 1:+.0%}", figures, "platforms, against October")
    yield Row("Singles' Day, amount", f"{figures['sale_amount'] - 1:+.0%}", figures, "platforms, against October")
    after = " ".join(f"{change:+.1%}" for change in figures["after_quarters"])
    yield Row("after quarter ends", after, figures, "deposits on the 10th of April, July, October")


def _held(customer: Any) -> Iterator[Account]:
    for account in (customer.main, customer.savings, customer.margin, *customer.holdings):
        if account is not None:
            yield account

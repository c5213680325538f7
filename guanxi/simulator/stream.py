"""The simulated bank as one stream of records, day by day."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from guanxi.simulator.careers import Careers
from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay, bank_day
from guanxi.simulator.episodes import Episodes
from guanxi.simulator.everyday import Everyday, by_date
from guanxi.simulator.exceptions import Exceptions
from guanxi.simulator.jobs import Jobs
from guanxi.simulator.ledger import Ledger
from guanxi.simulator.noise import Noise
from guanxi.simulator.person import Truth
from guanxi.simulator.population import Career, Customer, population
from guanxi.simulator.products import Products
from guanxi.simulator.text import ENCODING

POLICY_FILE: Final = Path(__file__).with_name("bank.toml")
"""The policy of this bank: its ladder, and the systems `core` and `funds` that close its days."""

START: Final = date(2025, 1, 1)
BLOCK_LINES: Final = 10_000
INVESTS_PERMILLE: Final = 14
"""Chance of a saver deciding something on a working day."""


def records(customers: int, days: int, seed: int, start: date = START, *, malformed: bool = False) -> Iterator[bytes]:
    """The bank's records in the order in which it publishes them, each a JSON line without newline.

    customers: how many people, C000001 and up; one in ten joins later. days: how many calendar days from `start`, which
    is a first of a month. seed: the same seed gives the same bytes on every machine. malformed: on one day in thirty
    add one bad record of each kind and an exact duplicate; the good records stay the same.
    Every day: the core's postings and its close with totals, then what the funds system publishes, and its close.
    Only one day of records is held in memory. Raises ValueError for arguments that make no bank.
    """
    found = blocks(customers, days, seed, start, malformed=malformed)
    return (line for block in found for line in block.splitlines())


def blocks(
    customers: int,
    days: int,
    seed: int,
    start: date = START,
    *,
    malformed: bool = False,
    truth: list[Truth] | None = None,
) -> Iterator[bytes]:
    """The same records, thousands at once and each with its newline: the fast way into a file.

    truth: people in episodes live there too (``guanxi.simulator.episodes``), and what is true of them is added here at the
    end.
    """
    if customers < 1 or days < 1:
        raise ValueError("customers and days must be 1 or more")
    if customers > 999_999:
        raise ValueError("customers must be below 1,000,000")
    if start.day != 1:
        raise ValueError(f"start must be the first of a month, not {start}: it is the bank's first month")
    return _blocks(customers, days, seed, start, malformed=malformed, truth=truth)


def _blocks(
    customers: int, days: int, seed: int, start: date, *, malformed: bool, truth: list[Truth] | None
) -> Iterator[bytes]:
    bank = Bank(customers, days, seed, start, episodes=truth is not None)
    noise = Noise(Chance(seed * 2 + 1)) if malformed else None
    for number in range(days):
        day = bank_day(start + timedelta(days=number))
        lines = bank.lines_of(day)
        if noise is not None:
            noise.add(lines, bank.everyone[0], day)
        for first in range(0, len(lines), BLOCK_LINES):
            yield ("\n".join(lines[first : first + BLOCK_LINES]) + "\n").encode(ENCODING)
    if truth is not None and bank.episodes is not None:
        truth += bank.episodes.truth()


class Bank:
    """Everyone and everything of the simulated bank."""

    def __init__(self, customers: int, days: int, seed: int, start: date = START, *, episodes: bool = False) -> None:
        """Nothing has happened yet; the arguments are those of ``records``. episodes: whether people live in some."""
        self.everyone: Final = population(Chance(seed * 2 + 1), customers, start, days)
        self._chance = chance = Chance(seed * 2)
        self._ledger = Ledger(chance)
        self._products = Products(self._ledger, chance)
        self._everyday = Everyday(self._ledger, chance)
        self._careers = Careers(self._ledger, chance, self._products)
        self._jobs = Jobs(self._ledger, chance)
        self._exceptions = Exceptions(self._ledger, chance, self._everyday, self._jobs, start)
        self.episodes: Final = Episodes(customers, days, Chance(seed * 2 + 1_000_003), start) if episodes else None
        self._told: list[Customer] = self.episodes.customers if self.episodes else []
        self._start = start
        self._joining = by_date(self.everyone)
        self._here: list[Customer] = []
        self._savers: list[Customer] = []
        self._movers: list[Customer] = []

    def lines_of(self, day: BankDay) -> list[str]:
        """Live one day -> its records, narrow text."""
        self._ledger.begin(day)
        self._join(day)
        if self._here or self._told:
            self._happen(day)
        self._ledger.close_day(self._ledger.core, working=day.working)
        self._products.evening(day)
        return self._ledger.lines

    def _happen(self, day: BankDay) -> None:
        self._jobs.change(self._here, day)
        everybody = self._here + self._told
        self._jobs.pay(everybody, day)
        told = {customer.number for customer in self._told}
        self._careers.matured([paid for paid in self._products.mature(day) if paid[0].number not in told], day)
        self._everyday.live(everybody, day)
        if day.on.day == 1:
            self._careers.turn(self._savers, day)
            self._movers = [customer for customer in self._here if customer.career is not Career.STEADY]
        self._careers.follow(self._movers, day)
        if day.working:
            self._invest(day)
        self._everyday.charge(everybody, day)
        self._everyday.credit_interest(everybody, day)
        if self.episodes is not None:
            self.episodes.live(day)
        self._exceptions.post_late(self._here, day)
        self._exceptions.reverse(self._here)
        self._exceptions.decide_specials(self._here, day)
        self._exceptions.state_balances(self._here, day)

    def _join(self, day: BankDay) -> None:
        if self.episodes is not None and day.on == self._start:
            self.episodes.settle_in(self._ledger, self._products, day)
        for customer in self._joining.pop(day.on, ()):
            if day.on == self._start:
                self._exceptions.bring_forward(customer)
            self._products.settle_in(customer, day)
            self._here.append(customer)
            if customer.saves:
                self._savers.append(customer)
            if customer.career is not Career.STEADY:
                self._movers.append(customer)

    def _invest(self, day: BankDay) -> None:
        for customer, draw in zip(self._savers, self._chance.words(len(self._savers)), strict=True):
            if draw * 1000 >> 32 < INVESTS_PERMILLE:
                self._products.invest(customer, day)

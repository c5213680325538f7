"""VIP careers: those whose money comes or goes over the months, and those who only show it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay, working_after
from guanxi.simulator.ledger import Ledger
from guanxi.simulator.payments import at_other_bank, at_platform
from guanxi.simulator.population import CNY, RICH_FROM_CNY, Career, Customer
from guanxi.simulator.products import Products

STEADY, GROWING, DRIFTING, LEAVING, WINDFALL, DRESSING = Career
ENDS_PERMILLE: Final = 60
"""Of those who grow or dress, so many stop with a month."""
RENEWS_PERMILLE: Final = 720
"""Of what matures with those who stay, so much is put into a new product."""
TURNS_PERMILLE: Final = 15
"""Of the rich without a career, so many begin one with a month."""
TURNS_TO: Final = ((GROWING, 40), (DRIFTING, 35), (LEAVING, 12), (DRESSING, 13))
RETURNS_PERMILLE: Final = 800
"""Of those who took their money away, so many bring it back half a year later or little more."""
SHOWN_AT_MOST_CNY: Final = 600_000
DRIFTED_CNY: Final = 20_000
"""Who has let so much go that less is left lets no more go."""


class Careers:
    """Moves the money of those with a career."""

    def __init__(self, ledger: Ledger, chance: Chance, products: Products) -> None:
        """Start with nothing planned."""
        self._ledger = ledger
        self._chance = chance
        self._products = products
        self._renewals: defaultdict[date, list[tuple[Customer, int]]] = defaultdict(list)
        self._departures: defaultdict[date, list[tuple[Customer, int]]] = defaultdict(list)
        self._returns: defaultdict[date, list[tuple[Customer, int]]] = defaultdict(list)
        self._shown: dict[int, int] = {}

    def turn(self, savers: Sequence[Customer], day: BankDay) -> None:
        """With a month some of the rich begin a career."""
        for customer in savers:
            rich = customer.career is STEADY and customer.wealth_minor >= RICH_FROM_CNY * CNY
            if rich and self._chance.hits(TURNS_PERMILLE):
                customer.career = TURNS_TO[self._chance.shares([weight for _, weight in TURNS_TO])][0]
                customer.turning_on = day.on + timedelta(days=self._chance.between(1, 27))

    def follow(self, customers: Sequence[Customer], day: BankDay) -> None:
        """One day of everyone who has a career."""
        for customer, amount in self._renewals.pop(day.on, ()):
            self._products.buy_term(customer, amount, day)
        for customer, amount in self._departures.pop(day.on, ()):
            self._away(customer, amount)
        for customer, amount in self._returns.pop(day.on, ()):
            self._in(customer, amount, "资金转回")
            self._settle(customer)
        for customer in customers:
            career = customer.career
            if career is DRIFTING:
                self._drift(customer, day)
            elif career is GROWING:
                self._grow(customer, day)
            elif career is DRESSING:
                self._dress(customer, day)
            elif career is LEAVING:
                self._leave(customer, day)
            elif career is WINDFALL:
                self._fall(customer, day)

    def matured(self, paid: Sequence[tuple[Customer, int]], day: BankDay) -> None:
        """What those do whose products came to term."""
        next_day = working_after(day.on, 1)
        for customer, amount in paid:
            if customer.career in (DRIFTING, LEAVING):
                if self._chance.hits(750):
                    self._departures[next_day].append((customer, amount))
            elif self._chance.hits(RENEWS_PERMILLE):
                self._renewals[next_day].append((customer, amount))

    def _in(self, customer: Customer, amount: int, text: str) -> None:
        if amount >= CNY:
            more = at_other_bank(self._chance, text, customer.name)
            self._ledger.credit("transfer_in", customer.main, amount, more)

    def _away(self, customer: Customer, amount: int) -> None:
        """To a platform or another bank, as far as the main account goes."""
        amount = min(amount, customer.main.balance_minor)
        if amount < CNY:
            return
        chance = self._chance
        more = at_platform(chance, "转入余额理财") if chance.hits(600) else at_other_bank(chance, "转出", customer.name)
        self._ledger.debit("transfer_out", customer.main, amount, more)

    def _grow(self, customer: Customer, day: BankDay) -> None:
        if day.on.day == customer.number % 27 + 1 and customer.aum_minor() < 30_000_000 * CNY:
            amount = max(customer.aum_minor() * self._chance.between(2, 8) // 100, customer.income_minor * 2)
            self._in(customer, amount, "资金归集")
            if self._chance.hits(ENDS_PERMILLE):
                self._settle(customer)

    def _drift(self, customer: Customer, day: BankDay) -> None:
        if day.on.day % 9 == customer.number % 9 and day.on >= customer.turning_on:
            self._away(customer, customer.main.balance_minor * self._chance.between(8, 24) // 100)
            if customer.savings is not None and self._chance.hits(300):
                balance = customer.savings.balance_minor
                self._products.move_own(customer.savings, customer.main, balance)
            if customer.aum_minor() < DRIFTED_CNY * CNY:
                self._settle(customer)

    def _leave(self, customer: Customer, day: BankDay) -> None:
        if day.on != customer.turning_on:
            return
        self._products.redeem_later(customer, day)
        for account in (customer.savings, customer.margin):
            if account is not None:
                self._products.move_own(account, customer.main, account.balance_minor)
        amount = customer.main.balance_minor * self._chance.between(75, 97) // 100
        self._away(customer, amount)
        if self._chance.hits(RETURNS_PERMILLE):
            self._returns[day.on + timedelta(days=self._chance.between(175, 205))].append((customer, amount))

    def _fall(self, customer: Customer, day: BankDay) -> None:
        if day.on != customer.turning_on:
            return
        chance = self._chance
        amount = chance.between(260_000, 900_000) * CNY if chance.hits(800) else chance.between(1, 4) * 10**6 * CNY
        self._in(customer, amount, chance.one(("拆迁补偿款", "售房款", "股权转让款")))
        if chance.hits(500):
            self._renewals[working_after(day.on, 12)].append((customer, amount * chance.between(40, 80) // 100))
        # What they do with it from then on.
        self._settle(customer)
        customer.career = chance.one((STEADY, STEADY, DRIFTING, GROWING))

    def _settle(self, customer: Customer) -> None:
        """The career is over; what is held is the wealth from now on."""
        customer.career = STEADY
        customer.wealth_minor = customer.aum_minor()

    def _dress(self, customer: Customer, day: BankDay) -> None:
        """Money for show: of half of them on the last day of every month, of the others for quarters' whole last months.

        The former lifts the balance of a date and hardly the month average; the latter makes a month of it.
        """
        whole_months = customer.number % 2 == 0
        if whole_months:
            comes = day.on.day == 1 and day.on.month % 3 == 0
            goes = day.on.day == 2 and day.on.month % 3 == 1
        else:
            comes, goes = day.month_end, day.on.day == 2
        if comes:
            amount = customer.wealth_minor * self._chance.between(30, 90) // 100
            amount = min(max(amount, 120_000 * CNY), SHOWN_AT_MOST_CNY * CNY)
            self._shown[customer.number] = amount
            self._in(customer, amount, "往来款")
        elif goes and (amount := self._shown.pop(customer.number, 0)):
            self._away(customer, amount)
            if self._chance.hits(ENDS_PERMILLE):
                self._settle(customer)

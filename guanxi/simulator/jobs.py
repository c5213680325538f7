"""Salaries and pensions on their days, and how they end."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from guanxi.simulator.accounts import Account
from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay, pay_date, working_after
from guanxi.simulator.ledger import Ledger
from guanxi.simulator.names import EMPLOYERS, PENSION_OFFICE
from guanxi.simulator.population import PAY_DAYS, PENSION_DAY, Customer, Income
from guanxi.simulator.text import memo, other_side

ENDS_PERMILLE: Final = 6
"""Of the salaries, so many end with a month: about one in fourteen in a year."""
MOVED_PERMILLE: Final = 450
"""Of the salaries that end, so many go to another bank from now on; the others' job is lost."""
TWICE_PERMILLE: Final = 2
"""Of the salaries of a day, so many are paid twice by mistake."""

Doubled = tuple[Customer, Account, int, int]
"""Customer, account, number of the record, effect on the balance: what is to be undone."""


class Jobs:
    """Who pays whom, and since when no more."""

    def __init__(self, ledger: Ledger, chance: Chance) -> None:
        """Everyone has the job that the population says."""
        self._ledger = ledger
        self._chance = chance
        self._found: defaultdict[date, list[Customer]] = defaultdict(list)
        self._employers = [other_side("other_bank", name=name) for name in EMPLOYERS]
        self._pension = other_side("other_bank", name=PENSION_OFFICE) + memo("养老金")
        self.doubled: list[Doubled] = []

    def change(self, customers: Sequence[Customer], day: BankDay) -> None:
        """With a month some salaries end; some of those without one have found a new job."""
        for customer in self._found.pop(day.on, ()):
            customer.pay_day = self._chance.one(PAY_DAYS)
            customer.employer = self._chance.below(len(EMPLOYERS))
        if day.on.day != 1:
            return
        for customer, draw in zip(customers, self._chance.words(len(customers)), strict=True):
            if customer.pay_day and customer.income is Income.SALARY and draw * 1000 >> 32 < ENDS_PERMILLE:
                self._end(customer, day)

    def _end(self, customer: Customer, day: BankDay) -> None:
        customer.pay_day = 0
        if self._chance.hits(MOVED_PERMILLE):
            customer.income = Income.NONE
            customer.activity //= 5  # what is earned elsewhere is spent from there
        else:
            customer.income_minor = customer.income_minor * self._chance.between(85, 115) // 100
            self._found[working_after(day.on, self._chance.between(45, 200))].append(customer)

    def pay(self, customers: Sequence[Customer], day: BankDay) -> None:
        """Salaries and pensions of the day: those due today, or on days off that begin tomorrow."""
        pay_days = due(day.on)
        if not pay_days:
            return
        chance, credit = self._chance, self._ledger.credit
        employers = [employer + memo("工资及年终奖" if day.bonus else "工资") for employer in self._employers]
        for customer in customers:
            if customer.pay_day not in pay_days:
                continue
            amount = customer.income_minor * chance.between(98, 104) // 100
            if customer.income is Income.PENSION:
                credit("payroll_credited", customer.main, customer.income_minor, self._pension)
                continue
            if day.bonus:
                amount = amount * chance.between(150, 320) // 100
            more = employers[customer.employer]
            credit("payroll_credited", customer.main, amount, more)
            if chance.hits(TWICE_PERMILLE):
                number = credit("payroll_credited", customer.main, amount, more)
                self.doubled.append((customer, customer.main, number, amount))


def due(on: date) -> set[int]:
    """The days of the month whose salaries are paid on a day; those of early October are paid in September."""
    next_month = on.replace(day=1) + timedelta(days=31)
    return {
        day for day in (*PAY_DAYS, PENSION_DAY) for of in (on, next_month) if pay_date(of.year, of.month, day) == on
    }

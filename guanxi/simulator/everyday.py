"""What happens on ordinary days: trade, spending, fees, interest."""

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import date
from typing import Final

from guanxi.simulator.accounts import Account
from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay
from guanxi.simulator.ledger import Ledger
from guanxi.simulator.payments import Payments
from guanxi.simulator.population import CNY, Customer, Income
from guanxi.simulator.text import memo

AMOUNTS: Final = tuple(8 + i * i * i // 1100 for i in range(64))
"""Many small amounts, few large ones; in 64ths of the usual amount, about 64 on average."""

TRADES_BELOW: Final = 1 << 29
"""Of a word of chance: those who trade take money on one day in eight."""
TEXT_FEE_MINOR: Final = 3 * CNY
DEMAND_BASIS_POINTS: Final = 5
SAVINGS_BASIS_POINTS: Final = 110

Posting = tuple[Customer, Account, int, int]
"""Customer, account, number of the record, effect on the balance."""


class Everyday:
    """The daily life of all customers; keeps some postings in mind for the exceptions to undo."""

    def __init__(self, ledger: Ledger, chance: Chance) -> None:
        """Make up the city's payments."""
        self._ledger = ledger
        self._chance = chance
        self._payments = Payments(chance)
        self.recent: deque[Posting] = deque(maxlen=500)

    def live(self, customers: Sequence[Customer], day: BankDay) -> None:
        """Spending of everyone and income of those who trade.

        Two words of chance a customer: whether money goes out (16 bits) and comes in (16 bits); then how much (6 bits and
        6 of small change), for what (10 bits, or of the first word 7) and at what time (10 bits).
        """
        post, payments = self._ledger.post, self._payments
        tables = payments.online if day.online else payments.feast if day.red_envelopes else payments.usual
        permille, percent = day.spending_permille, day.amount_percent
        words = iter(self._chance.words(2 * len(customers)))
        for customer, draw, how in zip(customers, words, words, strict=True):
            if (draw & 0xFFFF) * 1000 < customer.activity * permille:
                account = customer.main
                amount = customer.spend_minor * AMOUNTS[how & 63] * percent // 6400 + (how >> 6 & 63)
                if amount > account.balance_minor:
                    amount = account.balance_minor // 3
                if amount >= CNY:
                    record_type, more = tables[customer.pays][how >> 12 & 1023]
                    number = post(record_type, account, -amount, how >> 22, more)
                    if how & 0xFC0 == 0:
                        self.recent.append((customer, account, number, -amount))
            if draw < TRADES_BELOW and customer.income is Income.TRADE:
                amount = customer.income_minor * AMOUNTS[draw >> 16 & 63] * 8 // (64 * 30) + CNY
                record_type, more = payments.incomes[draw >> 22 & 127]
                post(record_type, customer.main, amount, how >> 12 & 1023, more)

    def charge(self, customers: Sequence[Customer], day: BankDay) -> None:
        """The monthly fee for notices by text message, on the 6th."""
        if day.on.day != 6:
            return
        more = memo("短信服务费")
        for customer in customers:
            if customer.texts and customer.main.balance_minor >= TEXT_FEE_MINOR:
                self._ledger.debit("fee_charged", customer.main, TEXT_FEE_MINOR, more)

    def credit_interest(self, customers: Sequence[Customer], day: BankDay) -> None:
        """A quarter's interest, on the 21st of its last month."""
        if day.on.day != 21 or day.on.month % 3:
            return
        more = memo("结息")
        for customer in customers:
            for account, basis_points in (
                (customer.main, DEMAND_BASIS_POINTS),
                (customer.savings, SAVINGS_BASIS_POINTS),
            ):
                if account is not None and (amount := account.balance_minor * basis_points // 40_000) > 0:
                    self._ledger.credit("interest_credited", account, amount, more)


def by_date(customers: Sequence[Customer]) -> dict[date, list[Customer]]:
    """The customers by the day they join."""
    found: defaultdict[date, list[Customer]] = defaultdict(list)
    for customer in customers:
        found[customer.joins_on].append(customer)
    return dict(found)

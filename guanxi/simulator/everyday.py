"""What happens every day: salaries, trade, spending, fees, interest."""

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import date
from typing import Final

from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay, pay_date
from guanxi.simulator.ledger import Ledger
from guanxi.simulator.names import EMPLOYERS, OTHER_BANKS, PLATFORMS, account_number, person
from guanxi.simulator.population import CNY, Account, Customer

AMOUNTS: Final = tuple(8 + i * i * i // 1100 for i in range(64))
"""Many small amounts, few large ones; in 64ths of the usual amount, about 64 on average."""

TEXT_FEE_MINOR: Final = 3 * CNY
DEMAND_BASIS_POINTS: Final = 5
SAVINGS_BASIS_POINTS: Final = 110

Outgoing = tuple[str, str]
Posting = tuple[Customer, Account, str, int]
"""Customer, account, event_id, effect on the balance."""


def other_side(kind: str, **fields: str) -> str:
    """JSON text of a counterparty, beginning with a comma; the values need no escapes."""
    more = "".join(f',"{name}":"{value}"' for name, value in fields.items())
    return f',"counterparty":{{"kind":"{kind}"{more}}}'


def at_platform(chance: Chance, memo: str) -> str:
    """A payment platform as the other side."""
    return f'{other_side("payment_platform", name=chance.one(PLATFORMS))},"channel":"mobile","memo":"{memo}"'


def at_other_bank(chance: Chance, memo: str, name: str) -> str:
    """An account with another bank as the other side."""
    side = other_side("other_bank", bank=chance.one(OTHER_BANKS), account=account_number(chance), name=name)
    return f'{side},"channel":"mobile","memo":"{memo}"'


class Everyday:
    """The daily life of all customers; keeps some postings in mind for the exceptions to undo."""

    def __init__(self, ledger: Ledger, chance: Chance) -> None:
        """Make up the people and shops that money goes to."""
        self._ledger = ledger
        self._chance = chance
        self.recent: deque[Posting] = deque(maxlen=500)
        self.doubled: list[Posting] = []
        self._outgoing = [self._usual(chance.below(100)) for _ in range(1024)]
        self._online: list[Outgoing] = [("transfer_out", at_platform(chance, "网购")) for _ in range(64)]
        self._gifts: list[Outgoing] = [
            ("transfer_out", other_side("same_bank", name=person(chance)) + ',"channel":"mobile","memo":"压岁钱"')
            for _ in range(128)
        ]
        self._incoming = [self._income(chance.below(100)) for _ in range(256)]

    def _usual(self, kind: int) -> Outgoing:
        chance = self._chance
        if kind < 46:
            memo = chance.one(("超市购物", "餐饮", "加油", "药店", "服装", "水果店"))
            return "withdrawal", f'{other_side("unknown")},"channel":"card","memo":"{memo}"'
        if kind < 60:
            return "withdrawal", other_side("cash") + ',"channel":"atm"'
        if kind < 82:
            return "transfer_out", at_platform(chance, chance.one(("网购", "外卖", "充值", "打车")))
        if kind < 93:
            memo = chance.one(("生活费", "还款", "房租", "货款"))
            return "transfer_out", f'{other_side("same_bank", name=person(chance))},"channel":"mobile","memo":"{memo}"'
        return "transfer_out", at_other_bank(chance, chance.one(("转账", "学费", "货款", "信用卡还款")), person(chance))

    def _income(self, kind: int) -> Outgoing:
        chance = self._chance
        if kind < 30:
            return "deposit", other_side("cash") + ',"channel":"counter"'
        if kind < 60:
            return "transfer_in", at_platform(chance, "店铺收款")
        if kind < 80:
            return "transfer_in", other_side("same_bank", name=person(chance)) + ',"memo":"货款"'
        return "transfer_in", at_other_bank(chance, "货款", person(chance))

    def pay(self, customers: Sequence[Customer], day: BankDay) -> None:
        """Salaries of the day; one in five hundred is paid twice by mistake."""
        due = {pay for pay in (5, 8, 10, 15, 25) if pay_date(day.on.year, day.on.month, pay) == day.on}
        if not due:
            return
        chance, credit = self._chance, self._ledger.credit
        memo = "工资及年终奖" if day.bonus else "工资"
        tails = [f'{other_side("other_bank", name=name)},"memo":"{memo}"' for name in EMPLOYERS]
        for customer in customers:
            if customer.pay_day in due and customer.paid_until > day.on:
                amount = customer.income_minor * chance.between(98, 104) // 100
                if day.bonus:
                    amount = amount * chance.between(150, 320) // 100
                tail = tails[customer.employer]
                credit("payroll_credited", customer, customer.main, amount, tail)
                if chance.hits(2):
                    event_id = credit("payroll_credited", customer, customer.main, amount, tail)
                    self.doubled.append((customer, customer.main, event_id, amount))

    def live(self, customers: Sequence[Customer], day: BankDay) -> None:
        """Spending of everyone and income of those without a salary."""
        bits, credit, debit = self._chance.bits, self._ledger.credit, self._ledger.debit
        outgoing = self._online * 16 if day.online else self._outgoing
        if day.red_envelopes:
            outgoing = self._gifts * 8
        permille, percent = day.spending_permille, day.amount_percent
        for customer in customers:
            draw = bits(32)
            if (draw & 0xFFFF) * 1000 < customer.activity * permille:
                draw_amount = bits(24)
                account = customer.main
                amount = customer.spend_minor * AMOUNTS[draw_amount & 63] * percent // 6400 + (draw_amount >> 6 & 63)
                if amount > account.balance_minor:
                    amount = account.balance_minor // 3
                if amount >= CNY:
                    record_type, tail = outgoing[draw_amount >> 14]
                    event_id = debit(record_type, customer, account, amount, tail)
                    if draw_amount & 0xFC0 == 0:
                        self.recent.append((customer, account, event_id, -amount))
            if draw >> 16 < 8192 and (customer.pay_day == 0 or customer.paid_until <= day.on):
                draw_amount = bits(14)
                amount = customer.income_minor * AMOUNTS[draw_amount & 63] * 8 // (64 * 30) + CNY
                record_type, tail = self._incoming[draw_amount >> 6]
                credit(record_type, customer, customer.main, amount, tail)

    def charge(self, customers: Sequence[Customer], day: BankDay) -> None:
        """The monthly fee for notices by text message, on the 6th."""
        if day.on.day != 6:
            return
        for customer in customers:
            if customer.texts and customer.main.balance_minor >= TEXT_FEE_MINOR:
                self._ledger.debit("fee_charged", customer, customer.main, TEXT_FEE_MINOR, ',"memo":"短信服务费"')

    def credit_interest(self, customers: Sequence[Customer], day: BankDay) -> None:
        """A quarter's interest, on the 21st of its last month."""
        if day.on.day != 21 or day.on.month % 3:
            return
        for customer in customers:
            for account, basis_points in (
                (customer.main, DEMAND_BASIS_POINTS),
                (customer.savings, SAVINGS_BASIS_POINTS),
            ):
                if account is not None and (amount := account.balance_minor * basis_points // 40_000) > 0:
                    self._ledger.credit("interest_credited", customer, account, amount, ',"memo":"结息"')


def by_date(customers: Sequence[Customer]) -> dict[date, list[Customer]]:
    """The customers by the day they join."""
    found: defaultdict[date, list[Customer]] = defaultdict(list)
    for customer in customers:
        found[customer.joins_on].append(customer)
    return dict(found)

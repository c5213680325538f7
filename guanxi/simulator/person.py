"""Someone whose story is told: what an episode may have a customer do, and what is true of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from guanxi.simulator.accounts import Account
from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay
from guanxi.simulator.ledger import Ledger, Source
from guanxi.simulator.names import MANAGERS
from guanxi.simulator.payments import at_other_bank, at_platform
from guanxi.simulator.population import CNY, Customer
from guanxi.simulator.products import BY_CODE, Products
from guanxi.simulator.text import memo, narrow, other_side

Days = Iterator[None]
"""A story, told day by day: each step is the end of a day."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of an episode. The bank does not know it.

    leaves: whether the bank loses the customer, or the money, by it; false for those who only look so. lost_on: when it is
    too late, None for the latter. triggers: codes that should speak in time, or for which the others may be mistaken.
    """

    customer_id: str
    behaviour: str
    leaves: bool
    begins_on: date
    lost_on: date | None
    triggers: tuple[str, ...]


class Person:
    """A customer in an episode. Amounts in minor units."""

    def __init__(self, customer: Customer, ledger: Ledger, crm: Source, products: Products, chance: Chance) -> None:
        """Nothing has happened."""
        self.customer: Final = customer
        self.chance: Final = chance
        self._ledger, self._crm, self._products = ledger, crm, products
        self.day: BankDay
        self.begins_on: date | None = None
        self.lost_on: date | None = None
        self.closes = self.is_gone = False
        self._head = f',"customer_id":"{customer.customer_id}"'
        self._loan = f"L{customer.number:06d}"

    # Time

    def begin(self) -> None:
        """From today on it is true."""
        self.begins_on = self.day.on

    def lost(self) -> None:
        """Today it is too late."""
        self.lost_on = self.day.on

    def days(self, low: int, high: int) -> Days:
        """So many days pass."""
        for _ in range(self.chance.between(low, high)):
            yield

    def working_day(self) -> Days:
        """Days pass until a working day."""
        while not self.day.working:
            yield

    # Money

    @property
    def balance(self) -> int:
        """On the main account."""
        return self.customer.main.balance_minor

    def part(self, low: int, high: int) -> int:
        """So many hundredths of the main account."""
        return self.balance * self.chance.between(low, high) // 100

    def to_bank(self, amount: int, text: str = "转账") -> None:
        """Out to an account of one's own with another bank."""
        self._out(amount, at_other_bank(self.chance, text, self.customer.name))

    def to_platform(self, amount: int) -> None:
        """Out to a payment platform, to stay there."""
        self._out(amount, at_platform(self.chance, "转入余额理财"))

    def to_seller(self, amount: int, text: str) -> None:
        """Paid for something, once."""
        self._out(amount, at_other_bank(self.chance, text, "海东汽车销售公司"))

    def _out(self, amount: int, more: str) -> None:
        amount = min(amount, self.balance)
        if amount >= CNY:
            self._ledger.debit("transfer_out", self.customer.main, amount, more)

    def comes_back(self, amount: int, text: str) -> None:
        """In from another bank."""
        more = at_other_bank(self.chance, text, self.customer.name)
        self._ledger.credit("transfer_in", self.customer.main, amount, more)

    def is_paid(self, amount: int) -> None:
        """A salary on a day that is not the usual one."""
        more = other_side("other_bank", name="白杨软件公司") + memo("工资")
        self._ledger.credit("payroll_credited", self.customer.main, amount, more)

    def save(self, amount: int) -> None:
        """To the own savings account, opened if there is none."""
        customer = self.customer
        if customer.savings is None:
            customer.savings = Account(customer.customer_id, customer.next_account_id(), "deposit", self.day.on)
            self._ledger.open(customer.savings, 0)
        self._products.move_own(customer.main, customer.savings, amount)

    def spend_savings(self) -> None:
        """All of the savings back to the main account."""
        if self.customer.savings is not None:
            self._products.move_own(self.customer.savings, self.customer.main, self.customer.savings.balance_minor)

    def to_family(self, amount: int) -> None:
        """To the spouse's account with the same bank."""
        self._out(amount, other_side("same_bank", name=self.customer.name) + memo("家庭转账"))

    def buy(self, amount: int) -> None:
        """A wealth product that matures in thirty days."""
        self._products.buy_term(self.customer, amount, self.day, BY_CODE["WP-030"])

    @property
    def holds(self) -> bool:
        """Whether a product is held."""
        return bool(self.customer.holdings)

    def close_account(self) -> None:
        """Take the last in cash and close the main account."""
        if self.balance:
            more = other_side("cash") + memo("销户")
            self._ledger.debit("withdrawal", self.customer.main, self.balance, more)
        self.closes = True

    def end_day(self) -> None:
        """What the core does at the end of the day."""
        if self.closes:
            self._ledger.close_account(self.customer.main, late=True)
            self.closes, self.is_gone = False, True

    # Loans

    def borrow(self, amount: int) -> None:
        """A loan of earlier years, brought forward."""
        more = f',"loan_id":"{self._loan}","outstanding":{amount},"currency":"CNY","value_date":"{self.day.text}"'
        self._ledger.write(self._ledger.core, "loan_opened", self._head, more)

    def is_overdue(self, amount: int, days: int) -> None:
        """An instalment that was due so many days ago."""
        more = f',"loan_id":"{self._loan}","amount":{amount},"days_overdue":{days},"value_date":"{self.day.text}"'
        self._ledger.write(self._ledger.core, "loan_overdue", self._head, more)

    def is_classified(self, name: str) -> None:
        """The loan in one of the five classes."""
        more = f',"loan_id":"{self._loan}","class":"{name}","value_date":"{self.day.text}"'
        self._ledger.write(self._ledger.core, "loan_classified", self._head, more)

    # What is said

    def says(self, record_type: str, fields: str = "") -> None:
        """An interaction, or something about the person; fields: JSON text beginning with a comma, narrow or ASCII."""
        self._ledger.write(self._crm, record_type, self._head, fields)

    def is_known(self) -> None:
        """The bank registers the person and names a customer manager."""
        customer = self.customer
        name = narrow(f'"name":"{customer.name}"')
        number = f"9990{customer.number:014d}"
        self.says(
            "customer_registered",
            f',{name},"document":{{"kind":"resident_id","number":"{number}"}},"branch":"{customer.branch}"',
        )
        manager = MANAGERS[customer.number % len(MANAGERS)]
        self.says("manager_assigned", f',"manager_id":"{manager}","branch":"{customer.branch}"')

    def complains(self, severity: int) -> None:
        """A complaint."""
        self.says("complaint_filed", f',"complaint_id":"K{self.customer.number:06d}","severity":{severity}')

    def is_heard(self) -> None:
        """The complaint is settled."""
        self.says("complaint_resolved", f',"complaint_id":"K{self.customer.number:06d}","outcome":"settled"')

"""Writes records as lines, moves the simulated balances with them, and keeps the control totals of each source."""

from datetime import date
from typing import Final

from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay
from guanxi.simulator.population import Account, Customer, Holding

CORE: Final = "core"
FUNDS: Final = "funds"
OFFSET: Final = "+08:00"
TIMES: Final = tuple(f"{7 + (n * 37) // 2464:02d}:{n * 37 % 60:02d}:{n * 7 % 60:02d}" for n in range(1024))
"""Times of day at which postings happen, 07:00 to 22:59; closes come after them."""

SET_TIMES: Final = {
    "customer_brought_forward": "06:00:00",
    "account_opened": "06:30:00",
    "product_matured": "06:40:00",
    "account_closed": "06:50:00",
    "reversal": "23:00:00",
    "balance_stated": "23:05:00",
}
"""What the core does by itself, before or after the customers' day."""

CLOSING_TIMES: Final = {CORE: "23:10:00", FUNDS: "23:50:00"}
Place = Account | Holding


class Ledger:
    """The lines of the open day and the totals of both sources. Amounts in minor units."""

    def __init__(self, chance: Chance) -> None:
        """Start with nothing written."""
        self.lines: list[bytes] = []
        self._chance = chance
        self._numbers = {CORE: 0, FUNDS: 0}
        self._counts = {CORE: 0, FUNDS: 0}
        self._sums_minor = {CORE: 0, FUNDS: 0}
        self._day = ""

    def begin(self, day: BankDay) -> None:
        """From here on everything happens on this day."""
        self._day = day.text
        self.lines = []

    def _count(self, source: str, effect_minor: int) -> None:
        self._counts[source] += 1
        self._sums_minor[source] += effect_minor

    def write(self, customer_id: str, record_type: str, fields: str, source: str = CORE) -> str:
        """Write one record about a customer; `fields` is JSON text after the envelope. Returns its event_id."""
        number = self._numbers[source] = self._numbers[source] + 1
        event_id = f"{source}-{number:08d}"
        drawn = TIMES[self._chance.bits(10)]
        time = SET_TIMES.get(record_type, drawn) if source == CORE else "23:30:00"
        self.lines.append(
            f'{{"event_id":"{event_id}","source":"{source}","type":"{record_type}","schema_version":1,'
            f'"occurred_at":"{self._day}T{time}{OFFSET}","customer_id":"{customer_id}",{fields}}}'.encode()
        )
        return event_id

    def open(self, customer: Customer, place: Place, balance_minor: int, source: str = CORE) -> None:
        """Open an account or holding with a balance. One of 0 moves nothing and is not in the totals."""
        fields = (
            f'"account_id":"{place.account_id}","category":"{place.category}","currency":"CNY",'
            f'"value_date":"{self._day}","opening_balance":{balance_minor}'
        )
        if isinstance(place, Holding):
            fields += f',"product":"{place.product}"'
            if place.matures_on is not None:
                fields += f',"matures_on":"{place.matures_on}"'
        self.write(customer.customer_id, "account_opened", fields, source)
        place.balance_minor = balance_minor
        if balance_minor:
            self._count(source, balance_minor)

    def close_account(self, customer: Customer, place: Place) -> None:
        """Close an emptied account."""
        fields = f'"account_id":"{place.account_id}","value_date":"{self._day}"'
        self.write(customer.customer_id, "account_closed", fields)

    def credit(self, record_type: str, customer: Customer, account: Account, amount_minor: int, more: str = "") -> str:
        """Money in; `more` is JSON text of further fields, beginning with a comma."""
        account.balance_minor += amount_minor
        self._counts[CORE] += 1
        self._sums_minor[CORE] += amount_minor
        return self._money(record_type, customer, account, amount_minor, more)

    def debit(self, record_type: str, customer: Customer, account: Account, amount_minor: int, more: str = "") -> str:
        """Money out."""
        account.balance_minor -= amount_minor
        self._counts[CORE] += 1
        self._sums_minor[CORE] -= amount_minor
        return self._money(record_type, customer, account, amount_minor, more)

    def _money(self, record_type: str, customer: Customer, account: Account, amount_minor: int, more: str) -> str:
        fields = (
            f'"account_id":"{account.account_id}","amount":{amount_minor},"currency":"CNY","value_date":"{self._day}"'
        )
        return self.write(customer.customer_id, record_type, fields + more)

    def late(
        self, record_type: str, sign: int, customer: Customer, amount_minor: int, value_date: date, more: str
    ) -> None:
        """A posting booked today that counts from an earlier day on."""
        account = customer.main
        account.balance_minor += sign * amount_minor
        self._count(CORE, sign * amount_minor)
        fields = (
            f'"account_id":"{account.account_id}","amount":{amount_minor},"currency":"CNY",'
            f'"value_date":"{value_date}","booked_on":"{self._day}"{more}'
        )
        self.write(customer.customer_id, record_type, fields)

    def reverse(self, customer: Customer, account: Account, event_id: str, effect_minor: int) -> None:
        """Undo a posting of the core that had `effect_minor` on the account; booked today."""
        account.balance_minor -= effect_minor
        self._count(CORE, -effect_minor)
        self.write(customer.customer_id, "reversal", f'"reverses":{{"event_id":"{event_id}"}}')

    def purchase(
        self, customer: Customer, holding: Holding, amount_minor: int, funded_from: Account | None, more: str = ""
    ) -> None:
        """Buy for a holding, from an account of the customer; without one the funds system confirms a paid order."""
        source = CORE if funded_from is not None else FUNDS
        fields = (
            f'"account_id":"{holding.account_id}","amount":{amount_minor},"currency":"CNY",'
            f'"value_date":"{self._day}","product":"{holding.product}"'
        )
        holding.balance_minor += amount_minor
        if funded_from is not None:
            funded_from.balance_minor -= amount_minor
            fields += f',"funded_from":"{funded_from.account_id}"'
        if holding.matures_on is not None:
            fields += f',"matures_on":"{holding.matures_on}"'
        self._count(source, 0 if funded_from is not None else amount_minor)
        self.write(customer.customer_id, "product_purchased", fields + more, source)

    def pay_back(
        self, record_type: str, customer: Customer, holding: Holding, amount_minor: int, book_minor: int, more: str = ""
    ) -> None:
        """A redemption (by the funds system) or maturity (by the core), paid to the main account."""
        source = FUNDS if record_type == "product_redeemed" else CORE
        holding.balance_minor -= book_minor
        customer.main.balance_minor += amount_minor
        self._count(source, amount_minor - book_minor)
        fields = (
            f'"account_id":"{holding.account_id}","amount":{amount_minor},"book":{book_minor},"currency":"CNY",'
            f'"value_date":"{self._day}","paid_to":"{customer.main.account_id}"{more}'
        )
        self.write(customer.customer_id, record_type, fields, source)

    def value(self, customer: Customer, holding: Holding, value_minor: int, units: str, price: str) -> None:
        """What a holding is worth today, from the funds system."""
        holding.balance_minor = value_minor
        fields = (
            f'"account_id":"{holding.account_id}","market_value":{value_minor},"currency":"CNY",'
            f'"value_date":"{self._day}","units":"{units}","price":"{price}"'
        )
        self.write(customer.customer_id, "valuation_updated", fields, FUNDS)

    def state_balance(self, customer: Customer, account: Account) -> None:
        """The core's own end-of-day balance."""
        fields = (
            f'"account_id":"{account.account_id}","balance":{account.balance_minor},"currency":"CNY",'
            f'"value_date":"{self._day}"'
        )
        self.write(customer.customer_id, "balance_stated", fields)

    def close_day(self, source: str, working: bool) -> None:
        """The source has closed the day; its totals begin anew."""
        self.lines.append(
            f'{{"event_id":"{source}-close-{self._day}","source":"{source}","type":"business_day_closed",'
            f'"schema_version":1,"occurred_at":"{self._day}T{CLOSING_TIMES[source]}{OFFSET}","date":"{self._day}",'
            f'"working_day":{"true" if working else "false"},'
            f'"totals":{{"count":{self._counts[source]},"signed_sum":{self._sums_minor[source]}}}}}'.encode()
        )
        self._counts[source] = self._sums_minor[source] = 0

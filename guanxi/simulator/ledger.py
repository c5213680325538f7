"""Writes records as lines, moves the simulated balances with them, and keeps the control totals of each source."""

from datetime import date
from typing import Final

from guanxi.simulator.accounts import Account, Holding
from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay
from guanxi.simulator.text import hundredths

OFFSET: Final = "+08:00"
TIMES: Final = tuple(
    f'{7 + (n * 37) // 2464:02d}:{n * 37 % 60:02d}:{n * 7 % 60:02d}{OFFSET}"' for n in range(1024)
)  # fmt: skip
"""Times of day at which postings happen, 07:00 to 22:59, as records say them; closes come after them."""

SET_TIMES: Final = {
    "customer_brought_forward": "06:00:00",
    "account_opened": "06:30:00",
    "product_matured": "06:40:00",
    "account_closed": "06:50:00",
    "reversal": "23:00:00",
    "balance_stated": "23:05:00",
}
"""What the core does by itself, before or after the customers' day."""

CLOSING_TIMES: Final = {"core": "23:10:00", "funds": "23:50:00"}
FIRST_NUMBER: Final = 10_000_000
"""Before the first event id: ids have eight digits without being padded, which would take a tenth of the time."""


class Source:
    """A system that publishes: the number of its last record, and the totals of its open day in minor units."""

    __slots__ = ("count", "name", "number", "sum_minor")

    def __init__(self, name: str) -> None:
        """Nothing published."""
        self.name = name
        self.number = FIRST_NUMBER
        self.count = self.sum_minor = 0

    def moved(self, effect_minor: int) -> None:
        """A posting of the open day with this effect on AUM."""
        self.count += 1
        self.sum_minor += effect_minor


class Ledger:
    """The lines of the open day, narrow text (see ``text``), and both sources. Amounts in minor units.

    `more` is JSON text of further fields, beginning with a comma.
    """

    def __init__(self, chance: Chance) -> None:
        """Start with nothing written."""
        self.lines: list[str] = []
        self.core = Source("core")
        self.funds = Source("funds")
        self._chance = chance
        self._day = self._on_day = self._from_day = ""

    def begin(self, day: BankDay) -> None:
        """From here on everything happens on this day."""
        self._day = day.text
        self._on_day = f'","schema_version":1,"occurred_at":"{day.text}T'
        self._from_day = f',"currency":"CNY","value_date":"{day.text}"'
        self.lines = []

    def write(self, source: Source, record_type: str, head: str, more: str, at: str | None = None) -> None:
        """Write one record; `head` is the customer and, if any, the account, as an account has it; at: the time of day."""
        source.number = number = source.number + 1
        drawn = TIMES[self._chance.bits(10)]
        if source is self.funds:
            drawn = f'23:30:00{OFFSET}"'
        elif at is not None or record_type in SET_TIMES:
            drawn = f'{at or SET_TIMES[record_type]}{OFFSET}"'
        name = source.name
        self.lines.append(
            f'{{"event_id":"{name}-{number}","source":"{name}","type":"{record_type}{self._on_day}{drawn}{head}{more}}}'
        )

    def post(self, record_type: str, account: Account, effect_minor: int, at: int, more: str = "") -> int:
        """Money in (an effect above 0) or out by the core, at a position of ``TIMES`` -> the number of the record.

        Nine records in ten are written here: nothing else matters as much for the speed of the simulator.
        """
        core = self.core
        account.balance_minor += effect_minor
        core.count += 1
        core.sum_minor += effect_minor
        core.number = number = core.number + 1
        self.lines.append(
            f'{{"event_id":"core-{number}","source":"core","type":"{record_type}{self._on_day}{TIMES[at]}{account.head}'
            f',"amount":{effect_minor if effect_minor > 0 else -effect_minor}{self._from_day}{more}}}'
        )
        return number

    def credit(self, record_type: str, account: Account, amount_minor: int, more: str = "") -> int:
        """Money in, at any time of the day -> the number of the record."""
        return self.post(record_type, account, amount_minor, self._chance.bits(10), more)

    def debit(self, record_type: str, account: Account, amount_minor: int, more: str = "") -> int:
        """Money out, at any time of the day -> the number of the record."""
        return self.post(record_type, account, -amount_minor, self._chance.bits(10), more)

    def open(self, place: Account, balance_minor: int, source: Source | None = None) -> None:
        """Open an account or holding with a balance. One of 0 moves nothing and is not in the totals."""
        source = source or self.core
        more = f',"category":"{place.category}"{self._from_day},"opening_balance":{balance_minor}'
        if isinstance(place, Holding):
            more += f',"product":"{place.product}"'
            if place.matures_on is not None:
                more += f',"matures_on":"{place.matures_on}"'
        self.write(source, "account_opened", place.head, more)
        place.balance_minor = balance_minor
        if balance_minor:
            source.moved(balance_minor)

    def close_account(self, place: Account, *, late: bool = False) -> None:
        """Close an emptied account, before the customers' day or at its end."""
        self.write(
            self.core, "account_closed", place.head, f',"value_date":"{self._day}"', "22:59:59" if late else None
        )

    def late(self, record_type: str, account: Account, effect_minor: int, value_date: date, more: str) -> None:
        """A posting booked today that counts from an earlier day on."""
        account.balance_minor += effect_minor
        self.core.moved(effect_minor)
        fields = f',"amount":{abs(effect_minor)},"currency":"CNY","value_date":"{value_date}","booked_on":"{self._day}"{more}'
        self.write(self.core, record_type, account.head, fields)

    def reverse(self, customer_id: str, account: Account, number: int, effect_minor: int) -> None:
        """Undo a posting of the core that had `effect_minor` on the account; booked today."""
        account.balance_minor -= effect_minor
        self.core.moved(-effect_minor)
        more = f',"reverses":{{"event_id":"core-{number}"}}'
        self.write(self.core, "reversal", f',"customer_id":"{customer_id}"', more)

    def purchase(self, holding: Holding, amount_minor: int, funded_from: Account | None, more: str = "") -> None:
        """Buy for a holding, from an account of the customer; without one the funds system confirms a paid order."""
        source = self.funds if funded_from is None else self.core
        fields = f',"amount":{amount_minor}{self._from_day},"product":"{holding.product}"'
        holding.balance_minor += amount_minor
        if funded_from is not None:
            funded_from.balance_minor -= amount_minor
            fields += f',"funded_from":"{funded_from.account_id}"'
        if holding.matures_on is not None:
            fields += f',"matures_on":"{holding.matures_on}"'
        source.moved(amount_minor if funded_from is None else 0)
        self.write(source, "product_purchased", holding.head, fields + more)

    def pay_back(
        self, record_type: str, holding: Holding, paid_to: Account, amount_minor: int, book_minor: int, more: str = ""
    ) -> None:
        """A redemption (by the funds system) or maturity (by the core), paid to an account of the customer."""
        source = self.funds if record_type == "product_redeemed" else self.core
        holding.balance_minor -= book_minor
        paid_to.balance_minor += amount_minor
        source.moved(amount_minor - book_minor)
        fields = f',"amount":{amount_minor},"book":{book_minor}{self._from_day},"paid_to":"{paid_to.account_id}"{more}'
        self.write(source, record_type, holding.head, fields)

    def value(self, holding: Holding, value_minor: int, price: str) -> None:
        """What a holding is worth today, from the funds system; `price` is of one unit."""
        holding.balance_minor = value_minor
        fields = (
            f',"market_value":{value_minor}{self._from_day},"units":"{hundredths(holding.units_hundredths)}"'
            f',"price":"{price}"'
        )
        self.write(self.funds, "valuation_updated", holding.head, fields)

    def state_balance(self, account: Account) -> None:
        """The core's own end-of-day balance."""
        self.write(self.core, "balance_stated", account.head, f',"balance":{account.balance_minor}{self._from_day}')

    def close_day(self, source: Source, *, working: bool) -> None:
        """The source has closed the day; its totals begin anew."""
        name, day = source.name, self._day
        self.lines.append(
            f'{{"event_id":"{name}-close-{day}","source":"{name}","type":"business_day_closed","schema_version":1,'
            f'"occurred_at":"{day}T{CLOSING_TIMES[name]}{OFFSET}","date":"{day}",'
            f'"working_day":{"true" if working else "false"},'
            f'"totals":{{"count":{source.count},"signed_sum":{source.sum_minor}}}}}'
        )
        source.count = source.sum_minor = 0

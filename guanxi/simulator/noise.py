"""Bad records and duplicates, for showing what the door does with them."""

from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay
from guanxi.simulator.population import Customer

EVERY_DAYS = 30


class Noise:
    """Adds a few bad lines to one day in thirty."""

    def __init__(self, chance: Chance) -> None:
        """Start counting days; the chance is its own, so that the good records stay the same."""
        self._chance = chance
        self._days = 0

    def add(self, lines: list[str], customer: Customer, day: BankDay) -> None:
        """Put, now and then, one of each kind of bad record and a duplicate between the lines of a day."""
        self._days += 1
        if self._days % EVERY_DAYS != 3:
            return
        for bad in _bad(customer, day):
            lines.insert(self._chance.below(len(lines)), bad)
        postings = [position for position, line in enumerate(lines) if '"type":"withdrawal"' in line]
        if postings:
            again = self._chance.one(postings)
            lines.insert(again + 1, lines[again])


def _bad(customer: Customer, day: BankDay) -> list[str]:
    """Not JSON; an unknown field; an account never opened; an amount with a fraction; an unknown type."""

    def line(name: str, record_type: str, fields: str) -> str:
        return (
            f'{{"event_id":"noise-{name}-{day.text}","source":"core","type":"{record_type}","schema_version":1,'
            f'"occurred_at":"{day.text}T12:00:00+08:00","customer_id":"{customer.customer_id}",{fields}}}'
        )

    def money(account_id: str, amount: str) -> str:
        return f'"account_id":"{account_id}","amount":{amount},"currency":"CNY","value_date":"{day.text}"'

    own = customer.main.account_id
    return [
        line("broken", "deposit", money(own, "100"))[:-17],
        line("field", "deposit", money(own, "100") + ',"colour":"red"'),
        line("account", "deposit", money("no-such-account", "100")),
        line("float", "deposit", money(own, "100.5")),
        line("type", "money_found", money(own, "100")),
    ]

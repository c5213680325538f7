"""People who are about to leave, and people who only look so: what retention triggers are for, the truth kept aside.

Beside the customers of the bank live some more, each of whom goes through one episode at a time drawn by chance: a
script of days (``guanxi.simulator.stories``). They spend, are paid and pay fees as everybody does. What is true of them
the bank is not told: it goes into a file of its own, by which warnings can be judged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay
from guanxi.simulator.ledger import Ledger, Source
from guanxi.simulator.person import Days, Person, Truth
from guanxi.simulator.population import CNY, PAY_DAYS, Career, Customer, Income, customer_of
from guanxi.simulator.products import Products
from guanxi.simulator.stories import STORIES, Story

PERCENT: Final = 15
"""People in an episode, of a hundred customers of the bank; at least one of each story."""
QUIET_DAYS: Final = 100
"""Nothing begins before: three salaries and three closed months make a habit."""


@dataclass(slots=True)
class _Running:
    person: Person
    story: Story
    starts: date
    days: Days | None = None


class Episodes:
    """Everyone in an episode."""

    def __init__(self, customers: int, days: int, chance: Chance, start: date) -> None:
        """Choose who lives through what, and from when on. customers: of the bank beside them."""
        self._chance = chance
        self._last = max(days - 1, QUIET_DAYS + 1)
        self._running: list[_Running] = []
        self._people = [
            (_person(chance, customers + 1 + at, STORIES[at % len(STORIES)], start, days), STORIES[at % len(STORIES)])
            for at in range(max(customers * PERCENT // 100, len(STORIES)))
        ]
        self._start = start
        self.customers: list[Customer] = [customer for customer, _ in self._people]
        """Those who are still here."""

    def settle_in(self, ledger: Ledger, products: Products, day: BankDay) -> None:
        """Everyone opens the accounts on the first day."""
        crm = Source("crm")
        for customer, story in self._people:
            person = Person(customer, ledger, crm, products, self._chance)
            person.day = day
            person.is_known()
            ledger.open(customer.main, customer.wealth_minor)
            if story.borrows:
                person.borrow(self._chance.between(80_000, 600_000) * CNY)
            first = min(QUIET_DAYS, self._last - 1)
            starts = self._start + timedelta(
                days=self._chance.between(first, max(first, self._last - story.takes_days))
            )
            self._running.append(_Running(person, story, starts))

    def live(self, day: BankDay) -> None:
        """One day of every story."""
        for running in self._running:
            running.person.day = day
            if running.days is None and day.on >= running.starts:
                running.days = running.story.script(running.person)
            if running.days is not None:
                next(running.days, None)
            running.person.end_day()
            if running.person.is_gone and running.person.customer in self.customers:
                self.customers.remove(running.person.customer)

    def truth(self) -> Iterator[Truth]:
        """What is true of those whose episode began, by customer. One that leaves and is not lost yet is left out."""
        for running in self._running:
            person, story = running.person, running.story
            if person.begins_on is not None and (person.lost_on is not None or not story.leaves):
                yield Truth(
                    person.customer.customer_id,
                    story.name,
                    story.leaves,
                    person.begins_on,
                    person.lost_on if story.leaves else None,
                    story.triggers,
                )


def _person(chance: Chance, number: int, story: Story, start: date, days: int) -> Customer:
    customer = customer_of(chance, number, chance.below(10_000), start, days)
    low, high = story.wealth_cny
    customer.wealth_minor = chance.between(low, high) * CNY
    customer.career, customer.joins_on, customer.main.opened_on = Career.STEADY, start, start
    customer.income, customer.pay_day = Income.SALARY, chance.one(PAY_DAYS)
    customer.income_minor = chance.between(5_000, 16_000) * CNY
    customer.spend_minor = customer.income_minor * 95 // 100 * 65_536 // (max(customer.activity, 6_000) * 30)
    return customer

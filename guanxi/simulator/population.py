"""Who the customers are: their wealth, income, habits, and the career that each will have as a customer."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum, auto
from typing import Final

from guanxi.simulator.chance import Chance
from guanxi.simulator.names import person

WEALTH_BANDS: Final = (
    # weight in 10,000, from, to (whole CNY): about log-normal, 3.7% above 200,000
    (3080, 200, 6_000),
    (3000, 6_000, 28_000),
    (2250, 28_000, 85_000),
    (1050, 85_000, 160_000),
    (250, 160_000, 200_000),
    (240, 205_000, 480_000),
    (90, 480_000, 1_900_000),
    (32, 1_900_000, 5_800_000),
    (8, 5_800_000, 16_000_000),
)
CNY: Final = 100
"""Minor units of a CNY."""


class Career(Enum):
    """What a customer will do with the money over the months."""

    STEADY = auto()
    GROWING = auto()  # brings money from other banks
    DRIFTING = auto()  # lets it go, in slices, to platforms and other banks
    LEAVING = auto()  # takes most of it on one day
    WINDFALL = auto()  # receives a large sum once
    DRESSING = auto()  # shows money at month end, and takes it away again


CAREERS_RICH: Final = (510, 110, 220, 120, 0, 40)
CAREERS_OTHERS: Final = (938, 15, 28, 3, 10, 6)
RICH_FROM_CNY: Final = 150_000


@dataclass(slots=True)
class Account:
    """A deposit or margin account of a customer; balance in minor units."""

    account_id: str
    category: str
    opened_on: date
    balance_minor: int = 0


@dataclass(slots=True)
class Holding:
    """A product held: worth `balance_minor`; funds and gold by units (hundredths) of product `product`."""

    account_id: str
    category: str
    product: str
    balance_minor: int = 0
    units_hundredths: int = 0
    matures_on: date | None = None


@dataclass(slots=True)
class Customer:
    """One person with accounts, habits and a career."""

    customer_id: str
    name: str
    joins_on: date
    wealth_minor: int
    career: Career
    income_minor: int
    """A month."""
    pay_day: int
    """Day of the month of the salary, 0 for those who have none."""
    paid_until: date
    """From this day the salary goes elsewhere."""
    employer: int
    activity: int
    """Chance of spending on an ordinary day, in 65,536ths."""
    spend_minor: int
    """A usual amount."""
    turning_on: date
    """The day of a single large movement."""
    texts: bool
    """Pays for notices by text message every month."""
    main: Account
    savings: Account | None = None
    margin: Account | None = None
    holdings: list[Holding] = field(default_factory=list)
    accounts_made: int = 1
    special: bool = False

    def aum_minor(self) -> int:
        """Everything held."""
        total = self.main.balance_minor + sum(holding.balance_minor for holding in self.holdings)
        for account in (self.savings, self.margin):
            if account is not None:
                total += account.balance_minor
        return total

    def next_account_id(self) -> str:
        """An id for one more account: the customer's number and a running one."""
        self.accounts_made += 1
        return f"{self.customer_id[1:]}-{self.accounts_made:03d}"

    @property
    def saves(self) -> bool:
        """Whether there is enough to invest."""
        return self.wealth_minor >= 40_000 * CNY or self.career in (Career.GROWING, Career.WINDFALL)


def population(chance: Chance, customers: int, start: date, days: int) -> list[Customer]:
    """The customers by number; about one in ten joins later than `start`."""
    # The golden ratio spreads the numbers evenly over the bands, so that a small bank has its rich customers too.
    offset = chance.below(10_000)
    return [
        _customer(chance, number, (offset + number * 6_181) % 10_000, start, days) for number in range(1, customers + 1)
    ]


def _band(position: int) -> tuple[int, int]:
    """From, to (whole CNY) of the band at a position of 10,000."""
    for weight, low, high in WEALTH_BANDS:
        position -= weight
        if position < 0:
            return low, high
    raise AssertionError("the weights add up to 10,000")


def _customer(chance: Chance, number: int, position: int, start: date, days: int) -> Customer:
    low, high = _band(position)
    wealth_cny = chance.between(low, high)
    rich = wealth_cny >= RICH_FROM_CNY
    career = list(Career)[chance.shares(CAREERS_RICH if rich else CAREERS_OTHERS)]
    joins_on = start + timedelta(days=chance.below(days)) if chance.hits(100) else start
    income_cny = chance.between(1_200, 6_500) + chance.below(4_000) * chance.below(3) + wealth_cny // 300
    salaried = chance.hits(580)
    activity = chance.between(6_000, 46_000)
    # A month's spending is a little less than the income; the table of amounts has a mean of 1.
    spend_minor = income_cny * CNY * 95 // 100 * 65_536 // (activity * 30)
    stops = chance.hits(60)
    customer_id = f"C{number:06d}"
    return Customer(
        customer_id=customer_id,
        name=person(chance),
        joins_on=joins_on,
        wealth_minor=wealth_cny * CNY + chance.below(CNY),
        career=career,
        income_minor=income_cny * CNY,
        pay_day=chance.one((5, 8, 10, 15, 15, 25)) if salaried else 0,
        paid_until=start + timedelta(days=chance.between(60, 400) if stops else 100_000),
        employer=chance.below(12),
        activity=activity,
        spend_minor=max(spend_minor, 5 * CNY),
        turning_on=start + timedelta(days=chance.between(10, 240)),
        texts=chance.hits(350),
        main=Account(f"{number:06d}-001", "deposit", joins_on),
    )

"""Who the customers are: age and district, wealth and income, habits, and the career each will have as a customer."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum, IntEnum, auto
from typing import Final

from guanxi.simulator.accounts import Account, Holding
from guanxi.simulator.chance import Chance
from guanxi.simulator.names import DISTRICTS, EMPLOYERS, person

WEALTH_BANDS: Final = (
    # weight in 10,000, from, to (whole CNY): few hold most of it, as the annual reports of banks say
    (5043, 50, 3_000),
    (2500, 3_000, 15_000),
    (1330, 15_000, 60_000),
    (490, 60_000, 160_000),
    (120, 160_000, 200_000),
    (300, 205_000, 480_000),
    (135, 480_000, 1_900_000),
    (64, 1_900_000, 5_800_000),
    (8, 5_800_000, 10_000_000),
    (10, 10_000_000, 60_000_000),
)
AGE_BANDS: Final = ((20, 18, 29), (31, 30, 44), (28, 45, 59), (21, 60, 84))
"""Weight in 100, from, to."""
PENSION_AGE: Final = 60
CNY: Final = 100
"""Minor units of a CNY."""


class Career(Enum):
    """What a customer will do with the money over the months."""

    STEADY = auto()
    GROWING = auto()  # brings money from other banks
    DRIFTING = auto()  # lets it go, in slices, to platforms and other banks
    LEAVING = auto()  # takes most of it on one day
    WINDFALL = auto()  # receives a large sum once
    DRESSING = auto()  # shows money at month ends or for whole months, and takes it away again


class Income(Enum):
    """Where the money of ordinary days comes from."""

    SALARY = auto()  # from an employer, on the day of the month
    PENSION = auto()  # from the pension office, on the day of the month
    TRADE = auto()  # a little on many days
    NONE = auto()


class Pays(IntEnum):
    """How a customer pays; a position in the tables of payments."""

    BY_PHONE = 0
    MIXED = 1
    IN_CASH = 2


CAREERS: Final = tuple(Career)
DISTRICT_SHARES: Final = tuple(district.share for district in DISTRICTS)
CAREERS_RICH: Final = (480, 150, 170, 110, 0, 90)
CAREERS_OTHERS: Final = (938, 15, 28, 3, 10, 6)
RICH_FROM_CNY: Final = 150_000
SAVES_FROM_CNY: Final = 40_000
PAY_DAYS: Final = (5, 8, 10, 15, 15, 25)
PENSION_DAY: Final = 15


@dataclass(slots=True)
class Customer:
    """One person with accounts, habits and a career."""

    number: int
    customer_id: str
    name: str
    age: int
    branch: str
    """The branch that keeps the accounts; its first two digits are the district."""
    joins_on: date
    wealth_minor: int
    career: Career
    income: Income
    income_minor: int
    """A month."""
    pay_day: int
    """Day of the month of the salary or pension, 0 for those who have none."""
    employer: int
    activity: int
    """Chance of spending on an ordinary day, in 65,536ths."""
    spend_minor: int
    """A usual amount."""
    pays: Pays
    turning_on: date
    """The day of a single large movement, and the first of a slow one."""
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
        """An id for one more account: branch, the customer's number and a running one."""
        self.accounts_made += 1
        return f"{self.branch}-{self.number:06d}-{self.accounts_made:03d}"

    @property
    def saves(self) -> bool:
        """Whether there is enough to invest."""
        return self.wealth_minor >= SAVES_FROM_CNY * CNY or self.career in (Career.GROWING, Career.WINDFALL)


def population(chance: Chance, customers: int, start: date, days: int) -> list[Customer]:
    """The customers by number; about one in ten joins later than `start`."""
    # The golden ratio spreads the numbers evenly over the bands, so that a small bank has its rich customers too.
    offset = chance.below(10_000)
    return [
        customer_of(chance, number, (offset + number * 6_181) % 10_000, start, days)
        for number in range(1, customers + 1)
    ]


def _band(position: int, bands: tuple[tuple[int, int, int], ...]) -> tuple[int, int]:
    """From, to of the band at a position of the sum of the weights."""
    for weight, low, high in bands:
        position -= weight
        if position < 0:
            return low, high
    raise AssertionError("the position is below the sum of the weights")


def _age(chance: Chance) -> int:
    return chance.between(*_band(chance.below(100), AGE_BANDS))


def _income(chance: Chance, age: int) -> Income:
    if age >= PENSION_AGE:
        return Income.PENSION if chance.hits(780) else Income.NONE
    draw = chance.below(100)
    return Income.SALARY if draw < 62 else Income.TRADE if draw < 88 else Income.NONE


def _pays(chance: Chance, age: int, *, rural: bool) -> Pays:
    if age >= PENSION_AGE:
        return Pays.IN_CASH if chance.hits(600) else Pays.MIXED
    if age >= 45 or rural:
        return Pays.MIXED if chance.hits(500) else Pays.BY_PHONE
    return Pays.BY_PHONE


def customer_of(chance: Chance, number: int, position: int, start: date, days: int) -> Customer:
    """One person; position: in the bands of wealth, of 10,000."""
    wealth_cny = chance.between(*_band(position, WEALTH_BANDS))
    rich = wealth_cny >= RICH_FROM_CNY
    # Wealth comes with the years: of two ages the rich have the higher one.
    age = max(_age(chance), _age(chance)) if rich else _age(chance)
    district = DISTRICTS[chance.shares(DISTRICT_SHARES)]
    branch = chance.one(district.branches)
    career = CAREERS[chance.shares(CAREERS_RICH if rich else CAREERS_OTHERS)]
    joins_on = start + timedelta(days=chance.below(days)) if chance.hits(100) else start
    income = _income(chance, age)
    income_cny = chance.between(1_500, 6_500) + chance.below(4_000) * chance.below(3) + min(wealth_cny, 10**6) // 300
    income_cny = income_cny * (75 if district.rural else 100) // 100
    # One poor account in five lies idle: opened once for some purpose, and hardly used since.
    idle = wealth_cny < 3_000 and income is not Income.SALARY and chance.hits(500)
    activity = chance.between(100, 900) if idle else chance.between(6_000, 46_000)
    # A month's spending is a little less than the income; the table of amounts has a mean of 1.
    spend_minor = income_cny * CNY * 95 // 100 * 65_536 // (max(activity, 6_000) * 30)
    customer_id = f"C{number:06d}"
    return Customer(
        number=number,
        customer_id=customer_id,
        name=person(chance),
        age=age,
        branch=branch,
        joins_on=joins_on,
        wealth_minor=wealth_cny * CNY + chance.below(CNY),
        career=career,
        income=Income.NONE if idle else income,
        income_minor=income_cny * CNY,
        pay_day=0
        if idle
        else chance.one(PAY_DAYS)
        if income is Income.SALARY
        else PENSION_DAY * (income is Income.PENSION),
        employer=chance.below(len(EMPLOYERS)),
        activity=activity,
        spend_minor=max(spend_minor, 5 * CNY),
        pays=_pays(chance, age, rural=district.rural),
        turning_on=start + timedelta(days=chance.between(10, 240)),
        texts=chance.hits(350),
        main=Account(customer_id, f"{branch}-{number:06d}-001", "deposit", joins_on),
    )

"""Products: term products and bonds that mature, funds and gold that are priced on every working day."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from guanxi.simulator.accounts import Account, Holding
from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay, working_after
from guanxi.simulator.ledger import Ledger
from guanxi.simulator.population import CNY, Career, Customer
from guanxi.simulator.text import hundredths, memo

OWN: Final = ',"counterparty":{"kind":"own"}'
MATURED: Final = memo("产品到期兑付")
ORDERED: Final = OWN + memo("基金申购")
LOT_MINOR: Final = 1_000 * CNY
"""Products are bought in steps of this."""


@dataclass(frozen=True, slots=True)
class Term:
    """A product with an end: days and yearly yield in basis points."""

    code: str
    category: str
    days: int
    yield_basis_points: int
    weight: int
    """How often it is bought, in 100."""


TERMS: Final = (
    Term("WP-030", "wealth_product", 30, 195, 24),
    Term("WP-090", "wealth_product", 90, 230, 30),
    Term("WP-180", "wealth_product", 180, 255, 20),
    Term("WP-365", "wealth_product", 365, 285, 17),
    Term("CB-3Y", "certificate_bond", 1095, 193, 5),
    Term("TB-1Y", "treasury_bond", 364, 135, 2),
    Term("TB-91D", "treasury_bond", 91, 110, 2),
)
WEIGHTS: Final = tuple(term.weight for term in TERMS)
BY_CODE: Final = {term.code: term for term in TERMS}
PRICED: Final = {"FD-MIX": 1_2845, "FD-BOND": 1_0712, "FD-INDEX": 9874, "FD-TECH": 1_7630, "GOLD-ACC": 6_24_5500}
"""Funds (CNY a unit) and gold (CNY a gram) with their first price, in 1/10,000 CNY."""
MOVES: Final = {"FD-MIX": 60, "FD-BOND": 6, "FD-INDEX": 90, "FD-TECH": 150, "GOLD-ACC": 75}
"""The most by which a price moves on a day, in 1/10,000 of itself."""


def value_minor(units_hundredths: int, price: int) -> int:
    """Units times price (1/10,000 CNY), rounded down to the minor unit."""
    return units_hundredths * price // 10_000


class Products:
    """All that is held but accounts."""

    def __init__(self, ledger: Ledger, chance: Chance) -> None:
        """Start with nothing held."""
        self._ledger = ledger
        self._chance = chance
        self._prices = dict(PRICED)
        self._maturing: defaultdict[date, list[tuple[Customer, Holding]]] = defaultdict(list)
        self._valued: list[Holding] = []
        self._brought: list[tuple[Holding, int]] = []
        self._orders: defaultdict[date, list[tuple[Customer, str, int]]] = defaultdict(list)
        self._redemptions: defaultdict[date, list[tuple[Customer, Holding]]] = defaultdict(list)

    def settle_in(self, customer: Customer, day: BankDay) -> None:
        """Open a customer's accounts and holdings on the first day, spread over what people hold."""
        chance, ledger, rest = self._chance, self._ledger, customer.wealth_minor
        if rest < 40_000 * CNY:
            ledger.open(customer.main, rest)
            return
        main = rest * chance.between(15, 45) // 100
        rest -= main
        priced: list[tuple[str, int]] = []
        for permille, codes in ((140, ("FD-MIX", "FD-BOND", "FD-INDEX", "FD-TECH")), (50, ("GOLD-ACC",))):
            if chance.hits(permille):
                part = rest * chance.between(10, 40) // 100
                priced.append((chance.one(codes), part))
                rest -= part
        margin = rest * chance.between(10, 35) // 100 if chance.hits(70) else 0
        rest -= margin
        bond = rest * chance.between(10, 30) // 100 // LOT_MINOR * LOT_MINOR if chance.hits(150) else 0
        rest -= bond
        term = rest * chance.between(30, 90) // 100 // LOT_MINOR * LOT_MINOR if chance.hits(550) else 0
        rest -= term
        if chance.hits(400):
            main, rest = main + rest, 0
        ledger.open(customer.main, main)
        if rest:
            customer.savings = self._account(customer, day, "deposit", rest)
        if margin:
            customer.margin = self._account(customer, day, "cts_margin", margin)
        if bond:
            self._bring_term(customer, chance.one(TERMS[4:]), bond, day)
        if term:
            self._bring_term(customer, chance.one(TERMS[:4]), term, day)
        # The funds system publishes after the core's close: these open in the evening.
        for code, amount in priced:
            self._brought.append((_held(customer, day, _priced_category(code), code), amount))

    def _account(self, customer: Customer, day: BankDay, category: str, balance_minor: int) -> Account:
        account = Account(customer.customer_id, customer.next_account_id(), category, day.on)
        self._ledger.open(account, balance_minor)
        return account

    def _bring_term(self, customer: Customer, term: Term, amount: int, day: BankDay) -> None:
        matures_on = day.on + timedelta(days=self._chance.between(3, term.days))
        holding = _held(customer, day, term.category, term.code, matures_on)
        self._ledger.open(holding, amount)
        self._maturing[matures_on].append((customer, holding))

    def buy_term(self, customer: Customer, amount: int, day: BankDay, wanted: Term | None = None) -> None:
        """Buy a term product or bond, the wanted one or any, with money of the main account, in lots of 1,000 CNY."""
        amount = min(amount, customer.main.balance_minor) // LOT_MINOR * LOT_MINOR
        if amount <= 0:
            return
        term = wanted or TERMS[self._chance.shares(WEIGHTS)]
        matures_on = day.on + timedelta(days=term.days)
        holding = _held(customer, day, term.category, term.code, matures_on)
        self._ledger.open(holding, 0)
        self._ledger.purchase(holding, amount, customer.main, ',"channel":"mobile"')
        self._maturing[matures_on].append((customer, holding))

    def mature(self, day: BankDay) -> list[tuple[Customer, int]]:
        """Pay back what matures today with its yield; who got how much."""
        paid = []
        for customer, holding in self._maturing.pop(day.on, ()):
            book = holding.balance_minor
            term = BY_CODE[holding.product]
            amount = book + book * term.yield_basis_points * term.days // (10_000 * 365)
            self._ledger.pay_back("product_matured", holding, customer.main, amount, book, MATURED)
            self._ledger.close_account(holding)
            customer.holdings.remove(holding)
            paid.append((customer, amount))
        return paid

    def order(self, customer: Customer, amount: int, day: BankDay) -> None:
        """Pay for fund units or gold today; the funds system confirms on the next working day."""
        amount = min(amount, customer.main.balance_minor) // LOT_MINOR * LOT_MINOR
        if amount <= 0:
            return
        code = self._chance.one(tuple(PRICED))
        self._ledger.debit("transfer_out", customer.main, amount, ORDERED)
        self._orders[working_after(day.on, 1)].append((customer, code, amount))

    def redeem_later(self, customer: Customer, day: BankDay) -> None:
        """Sell everything priced on a working day to come that is no month end."""
        on = working_after(day.on, 1)
        if (on + timedelta(days=1)).day == 1:  # the core states balances at month end, before the funds system pays
            on = working_after(on, 1)
        for holding in customer.holdings:
            if holding.units_hundredths and all(holding is not h for _, h in self._redemptions[on]):
                self._redemptions[on].append((customer, holding))

    def evening(self, day: BankDay) -> None:
        """What the funds system publishes after the core's close: confirmations, redemptions, prices, its own close."""
        for holding, amount in self._brought:
            units = amount * 10_000 // self._prices[holding.product]
            holding.units_hundredths = units
            worth = value_minor(units, self._prices[holding.product])
            self._ledger.open(holding, worth, self._ledger.funds)
            self._valued.append(holding)
        self._brought.clear()
        for customer, code, amount in self._orders.pop(day.on, ()):
            self._confirm(customer, code, amount, day)
        for customer, holding in self._redemptions.pop(day.on, ()):
            self._redeem(customer, holding)
        if day.working:
            self._price()
        self._ledger.close_day(self._ledger.funds, working=day.working)

    def _confirm(self, customer: Customer, code: str, amount: int, day: BankDay) -> None:
        holding = next((h for h in customer.holdings if h.product == code), None)
        if holding is None:
            holding = _held(customer, day, _priced_category(code), code)
            self._ledger.open(holding, 0, self._ledger.funds)
            self._valued.append(holding)
        units = amount * 10_000 // self._prices[code]
        holding.units_hundredths += units
        self._ledger.purchase(holding, amount, None, f',"units":"{hundredths(units)}"')

    def _redeem(self, customer: Customer, holding: Holding) -> None:
        if not holding.units_hundredths:
            return
        worth = value_minor(holding.units_hundredths, self._prices[holding.product])
        more = f',"units":"{hundredths(holding.units_hundredths)}"'
        self._ledger.pay_back("product_redeemed", holding, customer.main, worth, holding.balance_minor, more)
        holding.units_hundredths = 0

    def _price(self) -> None:
        texts = {}
        for code, price in self._prices.items():
            most = max(price * MOVES[code] // 10_000, 1)
            price = max(price + self._chance.between(-most, most) + most // 20, 1_000)
            self._prices[code] = price
            texts[code] = f"{price // 10_000}.{price % 10_000:04d}"
        for holding in self._valued:
            units, code = holding.units_hundredths, holding.product
            if units:
                worth = value_minor(units, self._prices[code])
                self._ledger.value(holding, worth, texts[code])

    def invest(self, customer: Customer, day: BankDay) -> None:
        """One decision of a saver, on a working day."""
        chance, main = self._chance, customer.main
        amount = main.balance_minor * chance.between(25, 55) // 100
        choice = chance.below(100)
        if choice < 45:
            if amount >= 5_000 * CNY:
                self.buy_term(customer, amount, day)
        elif choice < 60:
            if amount >= 5_000 * CNY:
                self.order(customer, amount, day)
        elif choice < 70:
            self.redeem_later(customer, day)
        else:
            self._between_own(customer, amount, day)

    def _between_own(self, customer: Customer, amount: int, day: BankDay) -> None:
        """Move money between own accounts; both legs carry one transfer_id."""
        chance = self._chance
        margin = chance.hits(250)
        if margin and customer.margin is None:
            if customer.wealth_minor < 100_000 * CNY:
                return
            customer.margin = self._account(customer, day, "cts_margin", 0)
        elif not margin and customer.savings is None:
            customer.savings = self._account(customer, day, "deposit", 0)
        other = customer.margin if margin else customer.savings
        if other is None:
            return
        source, target = customer.main, other
        if customer.career is Career.DRIFTING or chance.hits(400):
            source, target, amount = other, customer.main, other.balance_minor * chance.between(30, 100) // 100
        self.move_own(source, target, amount)

    def move_own(self, source: Account, target: Account, amount: int) -> None:
        """An own transfer, both legs on the same day."""
        if amount < 100 * CNY:
            return
        more = f'{OWN},"transfer_id":"own-{self._chance.bits(48):012x}"'
        self._ledger.debit("transfer_out", source, amount, more)
        self._ledger.credit("transfer_in", target, amount, more)


def _held(customer: Customer, day: BankDay, category: str, code: str, matures_on: date | None = None) -> Holding:
    """A new holding of a customer, not opened yet."""
    holding = Holding(
        customer.customer_id, customer.next_account_id(), category, day.on, product=code, matures_on=matures_on
    )
    customer.holdings.append(holding)
    return holding


def _priced_category(code: str) -> str:
    return "gold" if code == "GOLD-ACC" else "fund"

"""Products on their own: when the funds system pays."""

from datetime import date

from guanxi.simulator.chance import Chance
from guanxi.simulator.days import bank_day
from guanxi.simulator.ledger import Ledger
from guanxi.simulator.population import population
from guanxi.simulator.products import Products

FRIDAY, MONDAY_MONTH_END, TUESDAY = date(2025, 3, 28), date(2025, 3, 31), date(2025, 4, 1)


def test_nothing_is_redeemed_on_the_last_day_of_a_month() -> None:
    # The core states balances before the funds system pays: a payment that day would make them wrong.
    chance = Chance(1)
    ledger = Ledger(chance)
    products = Products(ledger, chance)
    redeemed = {}
    for on in (FRIDAY, MONDAY_MONTH_END, TUESDAY):
        day = bank_day(on)
        ledger.begin(day)
        if on == FRIDAY:
            customers = population(Chance(2), 400, FRIDAY, 1)
            for customer in customers:
                products.settle_in(customer, day)
        products.evening(day)
        if on == FRIDAY:
            for customer in customers:
                products.redeem_later(customer, day)
                products.redeem_later(customer, day)
        redeemed[on] = sum('"type":"product_redeemed"' in line for line in ledger.lines)
    assert (redeemed[FRIDAY], redeemed[MONDAY_MONTH_END]) == (0, 0)
    assert redeemed[TUESDAY] > 5

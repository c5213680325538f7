"""What does not happen every day: late postings, reversals, special VIPs, and customers brought forward."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from guanxi.simulator.chance import Chance
from guanxi.simulator.days import BankDay, pay_date
from guanxi.simulator.everyday import Everyday
from guanxi.simulator.jobs import Jobs
from guanxi.simulator.ledger import Ledger
from guanxi.simulator.names import GRANT_REASONS
from guanxi.simulator.payments import at_other_bank
from guanxi.simulator.population import CNY, Career, Customer
from guanxi.simulator.text import narrow

LADDER_CNY: Final = (("gold", 200_000), ("platinum", 500_000), ("diamond", 2_000_000), ("private", 6_000_000))
MONTHS_BROUGHT: Final = 4


class Exceptions:
    """Corrections and decisions by people."""

    def __init__(self, ledger: Ledger, chance: Chance, everyday: Everyday, jobs: Jobs, start: date) -> None:
        """Start with nothing to correct."""
        self._ledger = ledger
        self._chance = chance
        self._everyday = everyday
        self._jobs = jobs
        self._start = start
        self._special: list[Customer] = []

    def post_late(self, customers: Sequence[Customer], day: BankDay) -> None:
        """In the first days of a month: postings that count from a day of the last month, or of one before, on."""
        if not 2 <= day.on.day <= 7:
            return
        chance = self._chance
        for _ in range(len(customers) // 350 + 1):
            customer = chance.one(customers)
            back = day.on.day + chance.below(9) + (chance.between(20, 75) if chance.hits(120) else 0)
            self._late(customer, day.on - timedelta(days=back), chance.between(1, 25))
        if day.on.day == 4 and (rich := [c for c in customers if c.wealth_minor >= 180_000 * CNY]):
            for _ in range(len(rich) // 40 + 1):
                self._late(chance.one(rich), day.on - timedelta(days=chance.between(15, 30)), 70)

    def _late(self, customer: Customer, value_date: date, percent: int) -> None:
        main = customer.main
        amount = main.balance_minor * percent // 100
        if value_date < max(main.opened_on, self._start) or amount < CNY:
            return
        record_type, effect = ("transfer_out", -amount) if self._chance.hits(500) else ("transfer_in", amount)
        more = at_other_bank(self._chance, "补记账", customer.name)
        self._ledger.late(record_type, main, effect, value_date, more)

    def reverse(self, customers: Sequence[Customer]) -> None:
        """Undo salaries paid twice, and now and then a payment of the last weeks."""
        everyday, chance = self._everyday, self._chance
        doubled, self._jobs.doubled = self._jobs.doubled, []
        for customer, account, number, amount in doubled:
            if account.balance_minor >= amount:
                self._ledger.reverse(customer.customer_id, account, number, amount)
        if everyday.recent and chance.below(4_000) < len(customers):
            position = chance.below(len(everyday.recent))
            customer, account, number, effect_minor = everyday.recent[position]
            del everyday.recent[position]
            self._ledger.reverse(customer.customer_id, account, number, effect_minor)

    def decide_specials(self, customers: Sequence[Customer], day: BankDay) -> None:
        """On the 15th: special VIPs among those below the standard; now and then one is revoked."""
        if day.on.day != 15:
            return
        chance = self._chance
        if self._special and chance.hits(250):
            customer = self._special.pop(0)
            self._decide(customer, "special_vip_revoked", f'"reason":"不再符合特批条件","value_date":"{day.text}"')
        for _ in range(len(customers) // 1_500 + 1):
            customer = chance.one(customers)
            modest = customer.career is Career.STEADY and customer.wealth_minor <= 100_000 * CNY
            if modest and not customer.special:
                customer.special = True
                self._special.append(customer)
                self._decide(
                    customer,
                    "special_vip_granted",
                    f'"level":"{"platinum" if chance.hits(200) else "gold"}","reason":"{chance.one(GRANT_REASONS)}",'
                    f'"granted_by":"branch-head-{customer.branch}","value_date":"{day.text}"',
                )

    def _decide(self, customer: Customer, record_type: str, fields: str) -> None:
        """Write a record about a customer and no account."""
        ledger = self._ledger
        ledger.write(ledger.core, record_type, f',"customer_id":"{customer.customer_id}",', narrow(fields))

    def state_balances(self, customers: Sequence[Customer], day: BankDay) -> None:
        """At month end the core states the balances of a quarter of the customers."""
        if not day.month_end:
            return
        for customer in customers:
            if customer.number % 4 == 0:
                self._ledger.state_balance(customer.main)
                if customer.savings is not None:
                    self._ledger.state_balance(customer.savings)

    def bring_forward(self, customer: Customer) -> None:
        """The tier state of a customer from before the first day, for those who have one; their first record."""
        chance, wealth_cny = self._chance, customer.wealth_minor // CNY
        reached = [code for code, threshold_cny in LADDER_CNY if wealth_cny > threshold_cny * 102 // 100]
        if reached:
            if chance.hits(150):
                return  # became a customer of this bank only now
            position = len(reached) - 1
            if position + 1 < len(LADDER_CNY) and chance.hits(120):
                missed = [f'"{reached[-1]}"'] * chance.between(1, 2)
                state = f'"state":"vip","level":"{LADDER_CNY[position + 1][0]}","watch":[{",".join(missed)}]'
            else:
                state = f'"state":"vip","level":"{reached[-1]}"'
        elif 120_000 <= wealth_cny < 190_000 and chance.hits(120):
            state = f'"state":"vip","level":"gold","below_entry":{chance.between(1, MONTHS_BROUGHT)}'
        elif 60_000 <= wealth_cny < 160_000 and chance.hits(15):
            state = f'"state":"lapsed","grace_left":{chance.between(1, 2)}'
        elif wealth_cny < 100_000 and customer.career is Career.STEADY and chance.hits(2):
            until = self._start + timedelta(days=chance.between(40, 300))
            state = f'"state":"special","level":"gold","until":"{until}"'
            customer.special = True
        else:
            return
        self._decide(customer, "customer_brought_forward", self._history(customer, state))

    def _history(self, customer: Customer, state: str) -> str:
        """Months, last activity and salaries before the first day, as JSON text with the state."""
        before = self._start - timedelta(days=1)
        months, payrolls, last = [], [], before
        for _ in range(MONTHS_BROUGHT):
            # Within one percent of today's wealth: on the same side of every threshold.
            sum_minor = customer.wealth_minor * last.day * self._chance.between(995, 1005) // 1000
            months.append(f'{{"month":"{last:%Y-%m}","sum":{sum_minor},"days":{last.day}}}')
            if customer.pay_day:
                payrolls.append(f'"{pay_date(last.year, last.month, customer.pay_day)}"')
            last = last.replace(day=1) - timedelta(days=1)
        activity = before - timedelta(days=self._chance.below(25))
        return (
            f'"value_date":"{before}",{state},"months":[{",".join(reversed(months))}],'
            f'"last_activity_on":"{activity}","payrolls":[{",".join(reversed(payrolls))}]'
        )

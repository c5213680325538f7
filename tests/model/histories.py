"""Random histories in log order: what a bank's sources might send, one record in ten of it refusable.

The same seed gives the same history. A model bank runs along and is asked for balances, sums and totals, so that
amounts can be aimed at the thresholds, exact ties included, and the core's statements be right or wrong on purpose.

    python -m tests.model.histories SEED        the records as JSON lines; the policies go to standard error
"""

import json
import random
import sys
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from tests.model.ledger import CREDITS, DEBITS
from tests.model.months import days_in, first_day, last_day, month_of, plus_months
from tests.model.tampering import Tamperer
from tests.model.writing import CATEGORIES, Person, Record, Writer


class History(Writer):
    """One history while it is being written."""

    def __init__(self, rng: random.Random, size: int) -> None:
        super().__init__(rng, size)
        self._tamperer = Tamperer(self)
        self._starts = dict.fromkeys([*self.sources, *self.other_sources], self.today)  # day of the first close
        if len(self.sources) > 1 and rng.random() < 0.3:
            self._starts[rng.choice(self.sources)] += timedelta(days=rng.randint(1, 50))
        for source in self._starts:
            self._starts[source] -= timedelta(days=rng.choice([0, 0, 0, 20]))

    # --- what people do ----------------------------------------------------------------------------------------------

    def open_account(self, person: Person, value_date: date | None = None) -> None:
        """A new account of any category, with or without a balance brought along."""
        value_date = value_date or self.value_date()
        record = self.envelope("account_opened", person)
        record["account_id"] = f"A{self._next_id}"
        record |= {"category": self.rng.choice(CATEGORIES), "currency": "CNY", "value_date": str(value_date)}
        if self.rng.random() < 0.5:
            record["opening_balance"] = self.rng.choice([1, 1, 1, 1, -1]) * self.near_threshold()
        if self.rng.random() < 0.1:
            record["product"] = "P7"
        if self.emit(record) is None:
            person.accounts.append(record["account_id"])

    def move_money(self, person: Person) -> None:
        """Any money record on any account."""
        rng = self.rng
        account_id = self.account(person)
        kinds = sorted(CREDITS | DEBITS)
        amount = self.near_threshold() if rng.random() < 0.7 else rng.randint(1, 5000)
        self.send_posting(person, self.posting(rng.choice(kinds), person, account_id, amount, self.value_date()))

    def trade(self, person: Person) -> None:
        """A purchase, redemption or maturity, with or without the money account."""
        rng = self.rng
        kind = rng.choice(["product_purchased", "product_purchased", "product_redeemed", "product_matured"])
        holding = self.account(person)
        record = self.posting(kind, person, holding, self.near_threshold(), self.value_date())
        others = [one for one in person.accounts if one != holding]
        if others and rng.random() < 0.7:
            record["funded_from" if kind == "product_purchased" else "paid_to"] = rng.choice(others)
        if kind != "product_purchased" and rng.random() < 0.5:
            record["book"] = max(1, record["amount"] + rng.randint(-2000, 2000))
        if rng.random() < 0.2:
            record["units"] = "12.5"
        self.send_posting(person, record)

    def value(self, person: Person) -> None:
        """A valuation: early, late, twice a day, before any purchase; a purchase that it absorbs may follow."""
        rng = self.rng
        account_id = self.account(person)
        value_date = self.value_date()
        for _ in range(rng.choice([1, 1, 1, 2])):
            record = self.envelope("valuation_updated", person)
            worth = rng.choice([0, self.near_threshold(), self.near_threshold()])
            record |= {"account_id": account_id, "market_value": worth}
            record |= {"currency": "CNY", "value_date": str(value_date)}
            if rng.random() < 0.4:
                record |= {"units": "100", "price": f"{worth // 10000}.{worth % 10000:04d}"}
            self.send_posting(person, record)
        if rng.random() < 0.4:
            earlier = value_date - timedelta(days=rng.choice([0, 0, 1, 5, 20]))
            record = self.posting("product_purchased", person, account_id, self.near_threshold(), earlier)
            self.send_posting(person, record)

    def steer(self, person: Person) -> None:
        """Moves money so that the month's sum meets, just misses or just passes a threshold, or is far from all."""
        rng = self.rng
        ladder = self.ladder()
        month = month_of(self.today)
        if self.bank.first_month is not None and month < self.bank.first_month:
            return
        aim = person.mood
        days = days_in(month)
        target = (ladder[aim] if aim >= 0 else 0) * days
        if aim < 0:
            target = rng.choice([0, ladder[0] * days // 3, ladder[0] * days * 9 // 10])
        elif rng.random() < 0.6:
            target += rng.choice([0, 1, -1, 0, 1, days, -days])
        else:
            target += ladder[aim] * days // rng.randint(4, 20)
        self.set_month_sum(person, month, target, rng.choice([first_day(month), self.today, self.today]))

    def set_month_sum(self, person: Person, month: str, target: int, value_date: date) -> None:
        """Posts what brings the sum of the month to `target`; a rest that no whole balance can give on the last day."""
        missing = target - self.bank.month_sum(person.customer_id, month)
        value_date = min(max(value_date, first_day(month)), last_day(month))
        amount, rest = divmod(missing, (last_day(month) - value_date).days + 1)
        for part, day in ((amount, value_date), (rest, last_day(month))):
            if 0 < abs(part) < 10**13 and (day <= self.today or self.rng.random() < 0.03):
                kind = self.rng.choice(["deposit", "transfer_in"] if part > 0 else ["withdrawal", "transfer_out"])
                account_id = self.account(person, day)
                self.send_posting(person, self.posting(kind, person, account_id, abs(part), day))

    def restate(self, person: Person) -> None:
        """A backdated posting into a closed month, often to just meet or pass a threshold there."""
        last = self.bank.last_closed_month
        if last is None:
            return
        window = self.bank.policies.of_month(month_of(self.today)).restatement_months
        month = plus_months(last, -self.rng.randint(0, self.rng.choice([1, window, window + 1])))
        if self.rng.random() < 0.5 or month < str(self.bank.first_month):
            day = first_day(month) + timedelta(days=self.rng.randint(0, 27))
            kind = self.rng.choice(["deposit", "withdrawal"])
            account_id = self.account(person, day)
            self.send_posting(person, self.posting(kind, person, account_id, self.near_threshold(), day))
        else:
            target = self.rng.choice(self.ladder()) * days_in(month) + self.rng.choice([-1, 0, 1])
            self.set_month_sum(person, month, target, last_day(month))

    def reverse(self, person: Person) -> None:
        """Undoes something that was taken, recent or long ago."""
        if not person.postings:
            return
        rng = self.rng
        original = rng.choice(person.postings[-8:] if rng.random() < 0.7 else person.postings)
        record = self.envelope("reversal", person, original["source"] if rng.random() < 0.7 else None)
        record["reverses"] = {"event_id": original["event_id"]}
        if record["source"] != original["source"] or rng.random() < 0.3:
            record["reverses"]["source"] = original["source"]
        self.emit(record)

    def close_account(self, person: Person) -> None:
        """Closes an account, emptied first or not; now and then the bank goes on with it on the days before."""
        if len(person.accounts) < 2 and self.rng.random() < 0.8:
            return
        account_id = self.account(person)
        value_date = self.value_date()
        left = self.bank.spot_by_account(person.customer_id)[account_id]
        if left and self.rng.random() < 0.6:
            kind = "withdrawal" if left > 0 else "deposit"
            self.send_posting(person, self.posting(kind, person, account_id, abs(left), value_date))
        record = self.envelope("account_closed", person)
        record |= {"account_id": account_id, "value_date": str(value_date)}
        if self.emit(record) is None and self.rng.random() < 0.95:
            person.accounts.remove(account_id)
            person.closed.append(account_id)

    def state_balance(self, person: Person) -> None:
        """The core says an end-of-day balance, right or wrong."""
        account_id = self.account(person)
        value_date = self.value_date()
        balance = self.bank.end_of_day(person.customer_id, account_id, value_date)
        record = self.envelope("balance_stated", person)
        record |= {"account_id": account_id, "balance": balance + self.rng.choice([0, 0, 1, -100]), "currency": "CNY"}
        self.emit(record | {"value_date": str(value_date)})

    def meet(self, person: Person) -> None:
        """An interaction; complaints now and then under an id that was used, or of nothing that was filed."""
        complaint = {"complaint_id": f"K{self.rng.randint(1, 3)}"}
        kinds: list[tuple[str, dict[str, Any]]] = [
            ("app_session", {}),
            ("phone_call", {"direction": self.rng.choice(["in", "out"])}),
            ("satisfaction_rated", {"score": self.rng.randint(1, 5)}),
            ("complaint_filed", complaint | {"severity": self.rng.randint(1, 3)}),
            ("complaint_resolved", complaint | {"outcome": "settled"}),
        ]
        kind, content = self.rng.choice(kinds)
        self.emit(self.envelope(kind, person, "crm") | content)

    def lend(self, person: Person) -> None:
        """A record about one of two loans, known or not; money goes to an account or comes from one, or neither."""
        kind = self.rng.choice(
            ["loan_opened", *["loan_disbursed", "loan_repaid"] * 3, "loan_overdue", "loan_classified"]
        )
        day = self.value_date()
        record = self.envelope(kind, person) | {"loan_id": f"L{self.rng.randint(1, 2)}", "value_date": str(day)}
        if kind == "loan_classified":
            self.emit(record | {"class": self.rng.choice(["normal", "substandard"])})
        elif kind == "loan_overdue":
            self.emit(record | {"amount": 5_000, "days_overdue": self.rng.randint(0, 95)})
        elif kind == "loan_opened":
            self.emit(record | {"outstanding": self.near_threshold(), "currency": "CNY"})
        else:
            record |= {"amount": self.near_threshold(), "currency": "CNY"}
            if self.rng.random() < 0.7:
                record["paid_to" if kind == "loan_disbursed" else "paid_from"] = self.account(person, day)
                self.booking(record, day)
            self.send_posting(person, record)

    def grant(self, person: Person) -> None:
        """A grant or a revocation of special VIP."""
        rng = self.rng
        if self.bank.tier_row(person.customer_id)["state"] == "vip" and rng.random() < 0.7:
            return
        leap = date(self.today.year, 2, 29) if self.today.year % 4 == 0 and self.today.month == 3 else self.today
        days = [0, 0, 0, 1, -1, 5, rng.randint(0, 100), rng.randint(300, 360)]
        value_date = leap if leap != self.today else self.today - timedelta(days=rng.choice(days))
        kind = rng.choice(["special_vip_granted", "special_vip_granted", "special_vip_revoked"])
        record = self.envelope(kind, person, rng.choice([*self.sources, "crm"]))
        record |= {"reason": "decided by the branch", "value_date": str(value_date)}
        if kind == "special_vip_granted":
            codes = self.bank.policies.of_month(month_of(self.today)).codes
            record |= {"level": rng.choice(codes), "granted_by": "E12"}
        self.emit(record)

    def bring_forward(self, person: Person) -> None:
        """The state of a customer before the first month, mostly as the first record."""
        rng = self.rng
        if rng.random() < 0.1:
            self.open_account(person)
        policy = self.bank.policies.of_month(month_of(self.start))
        before = plus_months(month_of(self.start), rng.choice([-1] * 7 + [-2]))
        record = self.envelope("customer_brought_forward", person) | {"value_date": str(last_day(before))}
        record["state"] = state = rng.choice(["ordinary", "vip", "vip", "vip", "lapsed", "special"])
        if state == "vip":
            own = rng.randrange(len(policy.codes))
            record["level"] = policy.codes[own]
            count = 0 if own == 0 else rng.randrange(policy.watch_months)
            watch = [rng.choice([None, *policy.codes[:own]]) for _ in range(count)]
            misses = 0
            while misses < count and watch[-1 - misses] is None:
                misses += 1
            below = misses if misses < count else rng.randint(misses, max(misses, policy.exit_months - 1))
            if below >= policy.exit_months:
                watch, below = [], 0
            record |= {"watch": watch, "below_entry": below}
        elif state == "lapsed":
            record["grace_left"] = rng.randint(1, policy.grace_months)
        elif state == "special":
            record["level"] = rng.choice(policy.codes)
            record["until"] = str(last_day(before) + timedelta(days=rng.randint(1, 365)))
        months = [plus_months(before, -back) for back in range(rng.randint(0, 8) - 1, -1, -1)]
        record["months"] = [
            {"month": one, "sum": self.near_threshold() * days_in(one), "days": days_in(one)} for one in months
        ]
        self.emit(record)

    # --- closing -----------------------------------------------------------------------------------------------------

    def close(self, source: str, day: date) -> None:
        """Closes a day for a source, with totals that are mostly right."""
        record = self.envelope("business_day_closed", None, source, max(day, self.today))
        record["date"] = str(day)
        if self.rng.random() < 0.6:
            totals = self.bank.totals(source, str(day))
            if self.rng.random() < 0.1:
                totals[self.rng.choice(["count", "signed_sum"])] += 1
            record["totals"] = totals
        if self.rng.random() < 0.1:
            record["working_day"] = self.rng.random() < 0.5
        self.emit(record)
        self._closed[source] = max(day, self._closed.get(source, day))

    def close_up_to(self, day: date, every_day: bool) -> None:
        """All sources close, each at its own pace: day by day, or several days at once."""
        for source in [*self.sources, *self.other_sources]:
            lag = self.rng.choice([0, 0, 0, 0, 1, 3, 12]) if len(self.sources) > 1 else 0
            upto = day - timedelta(days=lag)
            if upto < self._starts[source]:
                continue
            highest = self._closed.get(source)
            if highest is not None and every_day:
                while highest < upto:
                    highest += timedelta(days=1)
                    if self.rng.random() < 0.97:
                        self.close(source, highest)
            elif highest is None or upto > highest:
                self.close(source, upto)
            if self.rng.random() < 0.03:
                self.close(source, day - timedelta(days=self.rng.randint(1, 40)))

    # --- the whole ---------------------------------------------------------------------------------------------------

    def before_the_first_close(self) -> None:
        """Onboarding: customers brought forward, accounts opened, all of it possibly dated months before."""
        rng = self.rng
        for person in self.people:
            person.mood = rng.randint(-1, len(self.ladder()) - 1)
            if rng.random() < 0.5:
                self.bring_forward(person)
            if rng.random() < 0.15:
                self.grant(person)
            for _ in range(rng.randint(1, 3)):
                back = rng.choice([0, 0, 5, rng.randint(0, 400)])
                self.open_account(person, self.today - timedelta(days=back))
            for _ in range(rng.randint(0, 3)):
                self.act(person)

    def act(self, person: Person) -> None:
        """One thing that a person or a source does."""
        actions: list[tuple[int, Callable[[Person], None]]] = [
            (7, self.move_money),
            (5, self.steer),
            (3, self.trade),
            (2, self.value),
            (3, self.restate),
            (3, self.reverse),
            (1, self.grant),
            (1, self.state_balance),
            (1, self.meet),
            (2, self.lend),
        ]
        if not person.accounts or (len(person.accounts) < 4 and self.rng.random() < 0.04):
            self.open_account(person)
        elif self.rng.random() < 0.02:
            self.close_account(person)
        elif self.rng.random() < 0.1:
            self._tamperer.act(person)
        else:
            weights = [weight for weight, _ in actions]
            self.rng.choices([action for _, action in actions], weights)[0](person)

    def write(self) -> None:
        """The history, from before the first close to the last month end."""
        rng = self.rng
        self.before_the_first_close()
        every_day = rng.random() < 0.3
        while self.today <= self.end:
            if rng.random() < 0.1:
                every_day = rng.random() < 0.3
            step = rng.choice([1, 2, 3]) if every_day else rng.choice([1, 4, 9, 15, 31, 31, 31, 62])
            stop = min(self.today + timedelta(days=step - 1), self.end)
            if rng.random() < 0.85:
                stop = min(stop, last_day(month_of(self.today)))
            passed = (stop - self.today).days + 1
            if self.today.day == 1:
                self.new_month()
            expected = self.per_month * passed / 30
            for _ in range(int(expected) + (rng.random() < expected % 1)):
                self.today = max(self.today, stop - timedelta(days=rng.randint(0, passed - 1)))
                self.act(rng.choice(self.people))
            self.today = stop
            if stop == last_day(month_of(stop)) and rng.random() < 0.7:
                self.steer_all()
            self.close_up_to(stop, every_day)
            self.today = stop + timedelta(days=1)

    def new_month(self) -> None:
        """Some people change their aim, and balances follow at once."""
        for person in self.people:
            if self.rng.random() < 0.25:
                person.mood = self.rng.choice([-1, -1, self.rng.randrange(len(self.ladder()))])
        self.steer_all()

    def steer_all(self) -> None:
        """Some people meet their aim today."""
        for person in self.people:
            if person.accounts and self.rng.random() < 0.3:
                self.steer(person)


def history(rng: random.Random, *, size: int) -> tuple[list[dict[str, Any]], list[Record]]:
    """Policies as parsed TOML and records in log order: 13–30 months, about `size` records besides the closes."""
    written = written_history(rng, size=size)
    return written.policies, written.records


def written_history(rng: random.Random, *, size: int) -> History:
    """The same, with the bank that took the records while they were written, and with what it said."""
    written = History(rng, size)
    written.write()
    return written


def main(seed: int) -> None:
    """Prints a history of middle size."""
    policies, records = history(random.Random(seed), size=300)
    for policy in policies:
        sys.stderr.write(json.dumps(policy, default=str) + "\n")
    for record in records:
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Records that a bank has to refuse, count as duplicates, or take with an alert."""

from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.model.months import first_day, last_day, month_of, plus_months

if TYPE_CHECKING:
    from tests.model.writing import Person, Writer

Record = dict[str, Any]


class Tamperer:
    """Spoils a history: every method writes one record or two."""

    def __init__(self, history: "Writer") -> None:
        self.history = history

    def act(self, person: "Person") -> None:
        """One of all the spoiled records."""
        spoilers = [
            self.same_again,
            self.same_again,
            self.same_id_other_content,
            self.unknown_account,
            self.wrong_currency,
            self.value_date_in_future,
            self.too_old,
            self.opened_again,
            self.closed_account,
            self.before_opening,
            self.second_close,
            self.second_close,
            self.inactive_type,
            self.master_data,
            self.inconsistent_valuation,
            self.reversal_of_nothing,
            self.reversal_of_an_opening,
            self.brought_forward_wrongly,
            self.grant_wrongly,
            self.same_id_other_month,
            self.same_id_other_customer,
        ]
        self.history.rng.choice(spoilers)(person)

    def _deposit(self, person: "Person", account_id: str) -> Record:
        history = self.history
        return history.posting("deposit", person, account_id, history.near_threshold(), history.today)

    def same_again(self, _person: "Person") -> None:
        """A duplicate at any distance, of any type."""
        if self.history.taken:
            self.history.emit(deepcopy(self.history.rng.choice(self.history.taken)))

    def same_id_other_content(self, person: "Person") -> None:
        """An identity that was taken, with another amount or another type."""
        if person.postings:
            record = deepcopy(self.history.rng.choice(person.postings))
            if "amount" in record:
                record["amount"] += 1
            else:
                record["market_value"] += 1
                record.pop("units", None)
            self.history.emit(record)

    def same_id_other_month(self, person: "Person") -> None:
        """The id of a taken posting in another month: another record. A reversal of it follows now and then."""
        if not person.postings:
            return
        history = self.history
        record = self._deposit(person, history.rng.choice(person.accounts))
        earlier = history.rng.choice(person.postings)
        record |= {"event_id": earlier["event_id"], "source": earlier["source"]}
        if history.send_posting(person, record) is None and history.rng.random() < 0.5:
            reversal = history.envelope("reversal", person, record["source"])
            history.emit(reversal | {"reverses": {"event_id": record["event_id"]}})

    def same_id_other_customer(self, person: "Person") -> None:
        """The id of another customer's posting: another record."""
        ids = [one["event_id"] for other in self.history.people if other is not person for one in other.postings]
        if ids:
            record = self._deposit(person, self.history.rng.choice(person.accounts))
            self.history.send_posting(person, record | {"event_id": self.history.rng.choice(ids)})

    def unknown_account(self, person: "Person") -> None:
        """An account of nobody or of somebody else, as the named one or as the other leg."""
        history = self.history
        others = [one for other in history.people if other is not person for one in other.accounts]
        stranger = history.rng.choice([*others, "A0"])
        if history.rng.random() < 0.5:
            history.emit(self._deposit(person, stranger))
        else:
            record = history.posting("product_purchased", person, person.accounts[0], 700, history.today)
            history.emit(record | {"funded_from": stranger})

    def wrong_currency(self, person: "Person") -> None:
        """Not the policy's currency."""
        self.history.emit(self._deposit(person, person.accounts[0]) | {"currency": "USD"})

    def value_date_in_future(self, person: "Person") -> None:
        """Two days or more after it happened."""
        record = self._deposit(person, person.accounts[0])
        ahead = timedelta(days=self.history.rng.choice([2, 2, 3, 40]))
        self.history.emit(record | {"value_date": str(self.history.today + ahead)})

    def too_old(self, person: "Person") -> None:
        """Dated around the oldest month that may still be restated: the one before it, or just that."""
        history = self.history
        if history.bank.last_closed_month is None:
            return
        window = history.bank.policies.of_month(month_of(history.today)).restatement_months
        oldest = first_day(plus_months(history.bank.last_closed_month, 1 - window))
        day = oldest - timedelta(days=history.rng.choice([0, 1, 1, 40, 400]))
        account_id = history.rng.choice(person.accounts)
        if history.rng.random() < 0.3:
            record = history.envelope("account_opened", person)
            record |= {"account_id": f"T{len(history.records)}", "category": "fund", "currency": "CNY"}
            record |= {"value_date": str(day), "opening_balance": history.rng.choice([0, 0, -500, 80_000])}
            if history.emit(record) is None:
                person.accounts.append(record["account_id"])
            return
        history.send_posting(person, self._deposit(person, account_id) | {"value_date": str(day)})

    def opened_again(self, person: "Person") -> None:
        """An id that exists, open or closed."""
        record = self.history.envelope("account_opened", person)
        record["account_id"] = self.history.rng.choice(person.accounts + person.closed)
        record |= {"category": "deposit", "currency": "CNY", "value_date": str(self.history.today)}
        self.history.emit(record)

    def closed_account(self, person: "Person") -> None:
        """Money for a closed account: after its closing, on its day or before; or one more closing."""
        history = self.history
        if not person.closed:
            return
        account_id = history.rng.choice(person.closed)
        closed_on = next(
            one["value_date"]
            for one in reversed(history.taken)
            if one["type"] == "account_closed" and one["account_id"] == account_id
        )
        record = self._deposit(person, account_id)
        if history.rng.random() < 0.2:
            record = history.envelope("account_closed", person) | {"account_id": account_id}
            record["value_date"] = str(history.today)
        if history.rng.random() < 0.5:
            record["value_date"] = closed_on
        history.emit(record)

    def before_opening(self, person: "Person") -> None:
        """A posting the day before the account was opened."""
        account_id = self.history.rng.choice(person.accounts)
        opening = next(
            one for one in self.history.taken if one["type"] == "account_opened" and one["account_id"] == account_id
        )
        day = type(self.history.today).fromisoformat(opening["value_date"]) - timedelta(days=1)
        self.history.emit(self._deposit(person, account_id) | {"value_date": str(day)})

    def second_close(self, _person: "Person") -> None:
        """The close of a day once more, as it was or otherwise."""
        closes = [one for one in self.history.taken if one["type"] == "business_day_closed"]
        if closes:
            record = deepcopy(self.history.rng.choice(closes))
            if self.history.rng.random() < 0.6:
                record["totals"] = {"count": 999, "signed_sum": -7}
            self.history.emit(record)

    def inactive_type(self, person: "Person") -> None:
        """A type whose effect the model does not know."""
        history = self.history
        others: list[tuple[str, Record]] = [
            ("account_linked", {"account_id": "A1"}),
            ("customers_merged", {"from_customer_id": "C9"}),
        ]
        kind, content = history.rng.choice(others)
        history.emit(history.envelope(kind, person) | content)

    def master_data(self, person: "Person") -> None:
        """Who a customer is: taken, and of no effect on money or tiers."""
        history = self.history
        others: list[tuple[str, Record]] = [
            ("customer_registered", {"name": "Li", "document": {"kind": "id_card", "number": "X1"}}),
            ("customer_updated", {"phone": "138", "branch": "B2"}),
            ("manager_assigned", {"manager_id": "M1"}),
            ("consent_changed", {"purpose": "marketing", "granted": True}),
        ]
        kind, content = history.rng.choice(others)
        history.emit(history.envelope(kind, person) | content)

    def inconsistent_valuation(self, person: "Person") -> None:
        """units × price off by one minor unit (taken), or by a little more (refused)."""
        history = self.history
        record = history.envelope("valuation_updated", person) | {"account_id": history.rng.choice(person.accounts)}
        said = [("1.0001", 12346), ("1.0001", 12344), ("1.0000", 12346), ("1.00", 12344), ("1", 12347)]
        price, worth = history.rng.choice(said)
        record |= {"market_value": worth, "currency": "CNY", "value_date": str(history.today)}
        history.send_posting(person, record | {"units": "123.45", "price": price})

    def reversal_of_nothing(self, person: "Person") -> None:
        """An id that nobody sent, that was refused, or that belongs to another customer."""
        history = self.history
        ids = [one["event_id"] for other in history.people if other is not person for one in other.postings]
        record = history.envelope("reversal", person, "core")
        history.emit(record | {"reverses": {"event_id": history.rng.choice([*ids, "nobody"])}})

    def reversal_of_an_opening(self, person: "Person") -> None:
        """What is corrected by a new record, not reversed."""
        kinds = ("account_opened", "account_closed", "reversal", "balance_stated", "customer_brought_forward")
        of_person = [
            one for one in self.history.taken if one.get("customer_id") == person.customer_id and one["type"] in kinds
        ]
        if of_person:
            original = self.history.rng.choice(of_person)
            record = self.history.envelope("reversal", person, original["source"])
            self.history.emit(record | {"reverses": {"event_id": original["event_id"]}})

    def brought_forward_wrongly(self, person: "Person") -> None:
        """Not the first record, not a month end, too late, or a state that cannot be."""
        history = self.history
        policy = history.bank.policies.of_month(month_of(history.today))
        until = str(history.today + timedelta(days=100))
        impossible: list[Record] = [
            {"state": "vip"},
            {"state": "vip", "level": "copper"},
            {"state": "vip", "level": policy.codes[-1], "watch": [None] * 9, "below_entry": 0},
            {"state": "vip", "level": policy.codes[0], "watch": [], "below_entry": 99},
            {"state": "vip", "level": policy.codes[0], "watch": [policy.codes[-1]]},
            {"state": "lapsed", "grace_left": 9},
            {"state": "special", "until": until},
            {"state": "ordinary", "level": policy.codes[0]},
        ]
        last = last_day(plus_months(month_of(history.today), -1))
        choice = history.rng.random()
        stranger = history.rng.random() < 0.5 and choice > 0.6
        record = history.envelope("customer_brought_forward", person)
        if stranger:
            record["customer_id"] = f"N{len(history.records)}"
        record |= {"value_date": str(last), "state": "ordinary", "months": []}
        if choice < 0.3:
            record["value_date"] = str(last - timedelta(days=1))
        elif choice < 0.6:
            record |= history.rng.choice(impossible)
        history.emit(record)

    def grant_wrongly(self, person: "Person") -> None:
        """A grant that ran out before it came, or of a level that is not in the ladder."""
        history = self.history
        record = history.envelope("special_vip_granted", person, "crm")
        record |= {"level": history.bank.policies.of_month(month_of(history.today)).codes[0], "reason": "r"}
        record |= {"granted_by": "E12", "value_date": str(history.today)}
        if history.rng.random() < 0.5:
            record["level"] = "copper"
        else:
            ago = history.rng.choice([364, 365, 366, 367, 500, 740])
            record["value_date"] = str(history.today - timedelta(days=ago))
        history.emit(record)

"""The model bank: takes records one by one and says what follows from them, by brute force.

It keeps every taken record and folds them again whenever it is asked; only the month sums of a customer are remembered,
until that customer's next record. One shard. Types outside `active` are refused `type_not_active`.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from tests.model.books import Books
from tests.model.contacts import refuse_interaction, take_interaction
from tests.model.customer import (
    INTERACTIONS,
    LOANS,
    MASTER,
    NOT_OF_ERASED,
    SPECIAL,
    TRANSACTIONS,
    Customer,
    Record,
    consistent,
    decoded,
    named_by,
    refuse_account,
    refuse_loan,
)
from tests.model.ledger import LOAN_MONEY, MONEY, Account, Posting, legs_of
from tests.model.months import (
    days_between,
    days_in,
    last_day,
    month_of,
    months_between,
    plus_months,
    same_day_later,
)
from tests.model.policy import Policy
from tests.model.tiers import Move, Tier, brought_tier, close_month, end_special, grant, revoke


class Bank(Books):
    """See the module.

    `Bank(policies)`: parsed policy files (CONTRACT §3), one a version; none or {} are the built-in defaults.
    """

    active = TRANSACTIONS | LOANS | SPECIAL | MASTER | INTERACTIONS

    # --- taking ------------------------------------------------------------------------------------------------------

    def take(self, record: Record) -> str | None:
        """Takes a well-formed record: None if taken, `duplicate`, or the word of its refusal (CONTRACT §2)."""
        calendar = record["type"] == "business_day_closed"
        if calendar:
            identity: tuple[str, ...] = (record["source"], record["date"])
        else:
            identity = (record["customer_id"], record["source"], record["event_id"], record["occurred_at"][:7])
        content = decoded(record)
        if identity in self._contents:
            if self._contents[identity] == content:
                return "duplicate"
            return "day_already_closed" if calendar else "id_reused_with_other_content"

        if not calendar:
            refusal = self._refusal(record)
            if refusal is not None:
                return refusal
        self._contents[identity] = content
        self._position += 1
        if calendar:
            self._take_close(record)
        else:
            self._take_fact(record)
        return None

    def _refusal(self, record: Record) -> str | None:
        customer = self._customer(record["customer_id"])
        kind = record["type"]
        if customer.is_erased and kind in NOT_OF_ERASED:
            return "customer_erased"
        if kind in self.active & INTERACTIONS:
            return refuse_interaction(customer.complaints, record, self._closed_through)
        if kind not in self.active or kind in MASTER:
            return None if kind in self.active else "type_not_active"
        if record.get("currency", self.policies.currency) != self.policies.currency:
            return "currency_unsupported"
        if kind == "valuation_updated" and not consistent(record):
            return "valuation_inconsistent"
        if kind == "reversal":
            return self._refuse_reversal(customer, record)
        value_date = date.fromisoformat(record["value_date"])
        if value_date > date.fromisoformat(record["occurred_at"][:10]) + timedelta(days=1):
            return "value_date_in_future"
        if kind in SPECIAL:
            return self._refuse_grant(record) if kind == "special_vip_granted" else None
        if kind == "customer_brought_forward":
            return self._refuse_brought_forward(customer, record)
        return self._refuse_posting(customer, record, value_date)

    def _refuse_posting(self, customer: Customer, record: Record, value_date: date) -> str | None:
        kind = record["type"]
        refusal = refuse_account(customer, record, value_date)
        if refusal is None and kind in LOANS:
            refusal = refuse_loan(customer, record)
        if refusal is not None:
            return refusal
        if (legs_of(record) or kind == "valuation_updated") and self._too_old(value_date):
            return "value_date_too_old"
        return None

    def _refuse_grant(self, record: Record) -> str | None:
        open_day = self._open_day()
        versions = self.policies.versions if open_day is None else [self._policy_of_day(open_day)]
        if not any(record["level"] in one.codes for one in versions):
            return "bad_value"
        if open_day is not None and self._until(record, open_day) < open_day:
            return "value_date_too_old"
        return None

    def _refuse_brought_forward(self, customer: Customer, record: Record) -> str | None:
        policy = self.policies.of_month(plus_months(record["value_date"][:7], 1))
        if brought_tier(record, policy) is None:
            return "bad_value"
        if any(one["type"] in TRANSACTIONS | LOANS | SPECIAL for one in customer.records):
            return "not_first_record"
        if self._last_closed_month is not None:
            return "value_date_too_old"
        return None

    def _refuse_reversal(self, customer: Customer, record: Record) -> str | None:
        original = named_by(customer, record)
        if original is None:
            return "reversal_unknown"
        if original["type"] not in MONEY | LOAN_MONEY | {"valuation_updated"}:
            return "bad_value"
        posting = _posting_of(customer, original)
        if posting.reversed_by is not None:
            return "already_reversed"
        if posting.moves_aum and self._too_old(posting.value_date):
            return "value_date_too_old"
        return None

    def _effective_month(self, value_date: date) -> str:
        return month_of(max(value_date, self._first_day()))

    def _too_old(self, value_date: date) -> bool:
        last = self._last_closed_month
        if last is None:
            return False
        months = self.policies.of_month(plus_months(last, 1)).restatement_months
        return self._effective_month(value_date) <= plus_months(last, -months)

    def _until(self, record: Record, day: date) -> date:
        return same_day_later(date.fromisoformat(record["value_date"]), self._policy_of_day(day).special_years)

    # --- facts -------------------------------------------------------------------------------------------------------

    def _take_fact(self, record: Record) -> None:
        customer = self._customers.setdefault(record["customer_id"], Customer(record["customer_id"]))
        kind = record["type"]
        if kind in MASTER:
            if kind == "consent_changed":
                customer.consents[record["purpose"]] = record["granted"]
            customer.is_erased |= kind == "erasure_requested"
            return  # says nothing of money or tiers
        if kind == "campaign_contact" and not customer.consents.get("marketing"):
            named = {"customer_id": record["customer_id"], "source": record["source"]}
            self._alert("contact_without_consent", **named, date=record["occurred_at"][:10])
        if kind in INTERACTIONS:
            take_interaction(customer.complaints, record, self._open_day())
        if kind in SPECIAL:
            customer.records.append(record)
            open_day = self._open_day()
            if open_day is None:
                customer.undecided.append(record)
            else:
                self._decide_special(customer, record, open_day)
            return
        if kind == "customer_brought_forward":
            customer.records.append(record)
            tier = brought_tier(record, self.policies.of_month(plus_months(record["value_date"][:7], 1)))
            assert tier is not None
            customer.start = customer.tier = tier
            customer.brought_months = {one["month"]: one["sum"] for one in record["months"]}
            self._check_on(self._closed_through, record)
            return
        if kind in ("balance_stated", "account_closed"):
            customer.records.append(record)
            value_date = date.fromisoformat(record["value_date"])
            if kind == "account_closed":
                customer.accounts[record["account_id"]].closed_on = value_date
            self._check_on(value_date, record)
            return
        if kind in LOANS:
            customer.loans.add(record["loan_id"])
        if kind in INTERACTIONS | LOANS - LOAN_MONEY:
            customer.records.append(record)
            return
        self._take_posting(customer, record)

    def _take_posting(self, customer: Customer, record: Record) -> None:
        original = None
        if record["type"] == "reversal":
            named = named_by(customer, record)
            assert named is not None
            original = _posting_of(customer, named)
        value_date = original.value_date if original else date.fromisoformat(record["value_date"])
        legs = legs_of(record)
        moves_aum = bool(legs) or record["type"] == "valuation_updated"
        if original is not None:
            moves_aum = original.moves_aum
        last = self._last_closed_month
        month = self._effective_month(value_date)
        late_months = months_between(month, last) if moves_aum and last is not None else []
        before = {one: self.month_sum(customer.customer_id, one) for one in late_months}

        customer.records.append(record)
        customer.forget()
        if record["type"] == "account_opened":
            customer.accounts[record["account_id"]] = Account(record["account_id"], value_date)
        if original is not None:
            original.reversed_by = record["event_id"]
            self._count(record, -original.net_minor, original.legs)
        elif moves_aum or record["type"] in LOAN_MONEY:
            posting = Posting(self._position, record, value_date, legs)
            if record["type"] == "valuation_updated":
                posting.valuation = (record["account_id"], record["market_value"])
            self._count(record, posting.net_minor, legs)
            customer.postings.append(posting)

        if late_months:
            customer.late.append(record)
            customer.late_from = min(month, customer.late_from or month)
        for one in late_months:
            after = self.month_sum(customer.customer_id, one)
            if after != before[one]:
                self.restatements.append((customer.customer_id, one, before[one], after, _cause(record)))

    def _count(self, record: Record, net_minor: int, legs: list[tuple[str, int]]) -> None:
        """Counts for the control totals what has legs."""
        # A reversal has no booking day of its own: the core booked it when it happened.
        booked = record["occurred_at"][:10] if record["type"] == "reversal" else record["value_date"]
        if legs:
            booked_on = record.get("booked_on") or booked
            self._booked.setdefault((record["source"], booked_on), []).append(net_minor)

    def _decide_special(self, customer: Customer, record: Record, open_day: date) -> None:
        customer.specials.append((open_day, record))
        before = customer.tier
        customer.tier = self._apply_special(before, record, open_day)
        if record["type"] == "special_vip_revoked":
            return
        if before.state == "vip":
            named = {"customer_id": customer.customer_id, "source": record["source"]}
            self._alert("special_for_vip", **named, date=str(open_day))
            return
        effective = max(date.fromisoformat(record["value_date"]), open_day)
        version = self._policy_of_day(open_day).version
        move = Move("special_granted", before, customer.tier, [])
        self._change(customer, move, None, effective, version, open_day, [_cause(record)])

    def _apply_special(self, tier: Tier, record: Record, open_day: date) -> Tier:
        if record["type"] == "special_vip_granted":
            return grant(tier, record["level"], self._until(record, open_day))
        last = max(date.fromisoformat(record["value_date"]), open_day)
        return revoke(tier, last, (record["source"], record["event_id"]))

    # --- closing -----------------------------------------------------------------------------------------------------

    def _take_close(self, record: Record) -> None:
        source, day = record["source"], date.fromisoformat(record["date"])
        self._sources = self._sources or (source,)
        highest = self._highest.get(source)
        if source in self._sources and (highest is None or day > highest):
            for skipped in days_between((highest or day) + timedelta(days=1), day - timedelta(days=1)):
                self._alert("day_skipped", source=source, date=str(skipped))
            self._highest[source] = day
            if len(self._highest) == len(self._sources):
                through = min(self._highest.values())
                for one in list(days_between(self._open_day() or through, through)):
                    self._close_day(one)
        if record.get("totals") is not None:
            self._check_on(day, record)

    def _close_day(self, day: date) -> None:
        if self._first_closed is None:
            self._first_closed = day
            for customer in self._customers.values():
                customer.forget()
                for record in customer.undecided:
                    self._decide_special(customer, record, day)
        for customer in self._customers.values():
            if customer.late:
                self._run_again(customer, day)
        month = month_of(day)
        if day == last_day(month):
            for customer in self._customers.values():
                policy = self.policies.of_month(month)
                sum_minor = self.month_sum(customer.customer_id, month)
                for move in close_month(customer.tier, month, sum_minor, policy):
                    customer.tier = move.after
                    if move.kind:
                        self._change(customer, move, month, day + timedelta(days=1), policy.version, day, None)
            self._last_closed_month = month
        for customer in self._customers.values():
            self._end_special(customer, day)
        self._closed_through = day
        due = [record for checked_on, record in self._to_check if checked_on <= day]
        self._to_check = [one for one in self._to_check if one[0] > day]
        for record in due:
            self._check(record)

    def _end_special(self, customer: Customer, day: date) -> None:
        tier = customer.tier
        if tier.state != "special" or tier.until is None or tier.until > day:
            return
        month = self._last_closed_month
        customer.tier = self._after_special(customer, month, day)
        move = Move("special_ended", tier, customer.tier, [] if month is None else [month])
        version = self._policy_of_end(month, day).version
        cause = [{"source": source, "event_id": event_id} for source, event_id in tier.shortened_by]
        self._change(customer, move, None, tier.until + timedelta(days=1), version, day, cause or None)

    def _after_special(self, customer: Customer, month: str | None, day: date) -> Tier:
        sum_minor = 0 if month is None else self.month_sum(customer.customer_id, month)
        return end_special(month, sum_minor, self._policy_of_end(month, day))

    def _policy_of_end(self, last_closed_month: str | None, day: date) -> Policy:
        return self.policies.of_month(last_closed_month or month_of(day))

    def _run_again(self, customer: Customer, day: date) -> None:
        """The customer's whole history anew on the sums as known now, up to the start of the close of `day`."""
        assert customer.late_from is not None
        assert self._last_closed_month is not None
        before = customer.tier
        customer.tier = self._history_anew(customer, day)
        months = months_between(customer.late_from, self._last_closed_month)
        cause = [_cause(record) for record in customer.late]
        customer.late, customer.late_from = [], None
        if before.seen() != customer.tier.seen():
            version = self.policies.of_month(self._last_closed_month).version
            move = Move("restated", before, customer.tier, months)
            self._change(customer, move, self._last_closed_month, day + timedelta(days=1), version, day, cause)

    def _history_anew(self, customer: Customer, open_day: date) -> Tier:
        assert self._first_closed is not None
        tier, closed_month = customer.start, None
        for day in days_between(self._first_closed, open_day):
            for decided_on, record in customer.specials:
                if decided_on == day:
                    tier = self._apply_special(tier, record, day)
            if day == open_day:
                break
            month = month_of(day)
            if day == last_day(month):
                sum_minor = self.month_sum(customer.customer_id, month)
                for move in close_month(tier, month, sum_minor, self.policies.of_month(month)):
                    tier = move.after
                closed_month = month
            if tier.state == "special" and tier.until is not None and tier.until <= day:
                tier = self._after_special(customer, closed_month, day)
        return tier

    # --- what is said to the outside ---------------------------------------------------------------------------------

    def _change(
        self,
        customer: Customer,
        move: Move,
        closed_month: str | None,
        effective: date,
        version: str,
        decided_at: date,
        cause: list[dict[str, str]] | None,
    ) -> None:
        sequence = len(customer.changes) + 1
        change = {
            "id": f"{customer.customer_id}:{sequence}",
            "sequence": sequence,
            "customer_id": customer.customer_id,
            "kind": move.kind,
            "closed_month": closed_month,
            "effective_date": str(effective),
            "before": move.before.shown(),
            "after": move.after.shown(),
            "watch": len(move.after.watch),
            "below_entry": move.after.below_entry,
            "months": list(self._months_shown(customer, move.months)),
            "policy_version": version,
            "decided_at": str(decided_at),
            "cause": cause,
        }
        customer.changes.append(change)

    def _months_shown(self, customer: Customer, months: list[str]) -> Iterator[dict[str, Any]]:
        for month in months:
            if self.first_month is not None and month >= self.first_month:
                sum_minor = self.month_sum(customer.customer_id, month)
            elif month in customer.brought_months:
                sum_minor = customer.brought_months[month]
            else:
                continue
            yield {"month": month, "sum": sum_minor, "days": days_in(month)}


def _posting_of(customer: Customer, record: Record) -> Posting:
    return next(one for one in customer.postings if one.record is record)


def _cause(record: Record) -> dict[str, str]:
    return {"source": record["source"], "event_id": record["event_id"]}

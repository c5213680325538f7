"""What people, branches, managers and lenders do in a random history so that triggers are raised, met and undone."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from tests.model.months import days_in, first_day, month_of, plus_months
from tests.model.trigger_life import Step
from tests.model.trigger_rules_people import CLASSES

if TYPE_CHECKING:
    from tests.model.trigger_histories import TriggerHistory
    from tests.model.writing import Person

Record = dict[str, Any]
KINDS = ["own", "same_bank", "other_bank", "other_bank", "payment_platform", "cash", "unknown"]


class Acts:
    """Every method writes one record or a few."""

    def __init__(self, history: "TriggerHistory") -> None:
        self.history = history
        self.rng = history.rng
        self._loans: dict[str, list[str]] = {}
        self._complaints: dict[str, list[str]] = {}
        self._silent_until: dict[str, date] = {}
        self._payday: dict[str, int] = {}
        self._maturing: list[tuple[date, Person, Record]] = []

    def all(self) -> list[tuple[int, Callable[["Person"], None]]]:
        """What may be done, with weights."""
        return [
            (4, self.leave),
            (3, self.drift),
            (3, self.buy_for_a_time),
            (1, self.run_dry),
            (2, self.meet),
            (3, self.complain),
            (2, self.rate),
            (4, self.owe),
            (7, self.news_from_a_closed_day),
            (1, self.fall_silent),
            (1, self.end_account),
            (3, self.favour),
        ]

    # --- money -------------------------------------------------------------------------------------------------------

    def leave(self, person: "Person") -> None:
        """Money goes out: a share of what is there, ties and one beside them included."""
        rng, history = self.rng, self.history
        worth = self._worth(person)
        share = rng.choice([20, 20, 5, 50, 100, 100, 3])
        amount = max(1, worth // share * rng.choice([1, 1, 4, 19]) + rng.choice([0, 0, 1, -1])) if worth > 0 else 500
        kind = rng.choice(["withdrawal", "transfer_out", "transfer_out", "fee_charged", "product_redeemed"])
        record = history.posting(kind, person, history.account(person), amount, history.value_date())
        if kind in ("withdrawal", "transfer_out") and rng.random() < 0.7:
            record["counterparty"] = {"kind": rng.choice(KINDS)}
        history.send_posting(person, record)
        if rng.random() < 0.2:
            back = rng.choice([amount, amount // 2 + 1])
            deposit = history.posting("deposit", person, history.account(person), back, history.today)
            history.send_posting(person, deposit)

    def drift(self, person: "Person") -> None:
        """A few transfers to elsewhere."""
        for _ in range(self.rng.choice([1, 1, 3])):
            amount = max(1, self._worth(person) // self.rng.choice([5, 15, 20, 50]))
            account_id = self.history.account(person)
            record = self.history.posting("transfer_out", person, account_id, amount, self.history.value_date())
            record["counterparty"] = {"kind": self.rng.choice(["other_bank", "payment_platform"])}
            self.history.send_posting(person, record)

    def buy_for_a_time(self, person: "Person") -> None:
        """A holding with a term; it matures when its day has come, into an account or to elsewhere."""
        rng, history = self.rng, self.history
        matures_on = history.today + timedelta(days=rng.choice([0, 1, 2, 7, 8, 20, 40]))
        holding = history.account(person)
        if rng.random() < 0.4:
            record = history.envelope("account_opened", person) | {"account_id": f"W{len(history.records)}"}
            record |= {"category": "wealth_product", "currency": "CNY", "value_date": str(history.today)}
            record |= {"opening_balance": history.near_threshold(), "product": f"P{len(history.records)}"}
            if history.emit(record | {"matures_on": str(matures_on)}) is None:
                person.accounts.append(record["account_id"])
            amount, holding = record["opening_balance"], record["account_id"]
        else:
            amount = max(1, self._worth(person) // rng.choice([1, 2, 5]))
            record = history.posting("product_purchased", person, holding, amount, history.value_date())
            record["matures_on"] = str(matures_on)
            others = [one for one in person.accounts if one != holding]
            if others and rng.random() < 0.5:
                record["funded_from"] = rng.choice(others)
            history.send_posting(person, record)
        self._maturing.append((matures_on, person, {"account_id": holding, "amount": amount}))

    def _mature(self, person: "Person", said: Record) -> None:
        rng, history = self.rng, self.history
        if said["account_id"] not in person.accounts:
            return
        record = history.posting("product_matured", person, said["account_id"], said["amount"], history.value_date())
        others = [one for one in person.accounts if one != said["account_id"]]
        if others and rng.random() < 0.7:
            record["paid_to"] = rng.choice(others)
        history.send_posting(person, record)
        if rng.random() < 0.5:
            gone = max(1, said["amount"] // 5 + rng.choice([0, 1, -1, said["amount"] // 2]))
            account_id = history.account(person)
            history.send_posting(person, history.posting("withdrawal", person, account_id, gone, history.today))

    def run_dry(self, person: "Person") -> None:
        """AUM goes to exactly nothing, or to one minor unit beside it."""
        worth = self._worth(person) + self.rng.choice([0, 0, 0, 1, -1])
        if worth > 0:
            kind = self.rng.choice(["withdrawal", "transfer_out"])
            account_id = self.history.account(person)
            record = self.history.posting(kind, person, account_id, worth, self.history.today)
            self.history.send_posting(person, record)

    def end_account(self, person: "Person") -> None:
        """Closes an account today, now and then all of them."""
        history = self.history
        for account_id in list(person.accounts) if self.rng.random() < 0.5 else person.accounts[:1]:
            record = history.envelope("account_closed", person) | {"account_id": account_id}
            if history.emit(record | {"value_date": str(history.today)}) is None:
                person.accounts.remove(account_id)
                person.closed.append(account_id)

    def _worth(self, person: "Person") -> int:
        return self.history.bank.spot(person.customer_id)

    # --- people ------------------------------------------------------------------------------------------------------

    def _told(self, kind: str, person: "Person", back: int | None = None, **content: Any) -> Record:
        """An interaction: mostly of today, seldom of a day that is closed or of tomorrow."""
        back = self.rng.choice([0] * 9 + [1, 3, 12, -1]) if back is None else back
        source = self.rng.choice([*self.history.sources, "crm", "app"])
        on = self.history.today - timedelta(days=back)
        record = self.history.envelope(kind, person, source, on) | content
        self.history.emit(record)
        return record

    def meet(self, person: "Person") -> None:
        """Anything that is an activity, or is none."""
        rng = self.rng
        contents: list[tuple[str, Record]] = [
            ("branch_visit", {"branch": "B1"}),
            ("phone_call", {"direction": "in", "minutes": 3}),
            ("phone_call", {"direction": "out"}),
            ("app_session", {}),
            ("message", {"channel": "sms", "direction": "in"}),
            ("message", {"channel": "sms", "direction": "out"}),
            ("campaign_contact", {"campaign": "spring"}),
            ("campaign_response", {"campaign": "spring", "response": "yes"}),
            ("product_enquiry", {"category": "fund"}),
            ("identity_verified", {"operator": "E1", "method": "face", "valid_minutes": 5}),
            ("manager_contact", {"manager_id": "M1"}),
            ("manager_contact", {"manager_id": "M1", "outcome": "lost"}),
            ("manager_contact", {"manager_id": "M1", "credit_sign": "shop closed"}),
            ("manager_contact", {"manager_id": "M1", "credit_sign": "rent unpaid"}),
        ]
        kind, content = rng.choice(contents)
        self._told(kind, person, **content)

    def complain(self, person: "Person") -> None:
        """A complaint, or the resolution of one."""
        rng = self.rng
        known = self._complaints.setdefault(person.customer_id, [])
        if known and rng.random() < 0.5:
            self._told("complaint_resolved", person, complaint_id=rng.choice(known[-3:]), outcome="settled")
            return
        complaint_id = f"K{len(self.history.records)}"
        self._told("complaint_filed", person, complaint_id=complaint_id, severity=rng.randint(1, 3))
        known.append(complaint_id)

    def rate(self, person: "Person") -> None:
        """A rating."""
        self._told("satisfaction_rated", person, score=self.rng.randint(1, 5))

    def fall_silent(self, person: "Person") -> None:
        """Nothing of this customer for a while."""
        self._silent_until[person.customer_id] = self.history.today + timedelta(days=self.rng.choice([6, 25, 40, 95]))

    def is_silent(self, person: "Person") -> bool:
        """Whether this customer does nothing today."""
        until = self._silent_until.get(person.customer_id)
        return until is not None and self.history.today <= until

    def favour(self, person: "Person") -> None:
        """Special VIP for whoever is outside, of nearly a year ago, or its end."""
        rng, history = self.rng, self.history
        state = history.bank.tier_row(person.customer_id)["state"]
        if state == "vip":
            return
        kind = "special_vip_revoked" if state == "special" and rng.random() < 0.3 else "special_vip_granted"
        back = rng.choice([0, 1, 10]) if kind == "special_vip_revoked" else rng.choice([300, 330, 340, 355, 362])
        value_date = history.today - timedelta(days=back)
        record = history.envelope(kind, person) | {"reason": "asked for", "value_date": str(value_date)}
        if kind == "special_vip_granted":
            record |= {"level": rng.choice(history.bank.policy_of(history.today).codes), "granted_by": "E12"}
        history.emit(record)

    # --- loans -------------------------------------------------------------------------------------------------------

    def owe(self, person: "Person") -> None:
        """A loan and what comes of it."""
        rng, history = self.rng, self.history
        loans = self._loans.setdefault(person.customer_id, [])
        value_date = str(min(history.value_date(), history.today))
        if not loans or rng.random() < 0.1:
            loan_id = f"L{len(history.records)}"
            record = history.envelope("loan_opened", person) | {"loan_id": loan_id, "outstanding": 90_000}
            record |= {"currency": "CNY", "value_date": str(history.today - timedelta(days=30))}
            if rng.random() < 0.5:
                record["class"] = rng.choice(CLASSES[:3])
            if history.emit(record) is None:
                loans.append(loan_id)
            return
        loan_id = rng.choice(loans)
        named: Record = {"loan_id": loan_id, "value_date": value_date}
        kind = rng.choice(["loan_disbursed", "loan_repaid", "loan_overdue", "loan_overdue", "loan_classified"])
        record = history.envelope(kind, person) | named
        if kind == "loan_classified":
            history.emit(record | {"class": rng.choice(CLASSES)})
        elif kind == "loan_overdue":
            history.emit(record | {"amount": 700, "days_overdue": rng.choice([0, 1, 5, 9, 29, 30, 31, 60, 95, 180])})
        else:
            record |= {"amount": history.near_threshold(), "currency": "CNY"}
            if rng.random() < 0.6:
                record["paid_to" if kind == "loan_disbursed" else "paid_from"] = history.account(person)
            history.send_posting(person, record)

    # --- managers, late news and habits ------------------------------------------------------------------------------

    def manage(self, person: "Person") -> None:
        """A manager claims or contacts about a trigger: mostly an open one, now and then ended, unknown or another's."""
        rng, history = self.rng, self.history
        found = self._standing(person)
        if not found or rng.random() < 0.05:
            found = [one for one in history.bank.steps(person.customer_id) if one.step == "raised"]
        if not found:
            return
        one = rng.choice(found)
        whose = rng.choice(history.people) if rng.random() < 0.05 else person
        trigger_id = f"{whose.customer_id}:{one.code}:{one.key}" + ("x" if rng.random() < 0.03 else "")
        manager_id = rng.choice(["M1", "M2"])
        if rng.random() < 0.4:
            self._told("trigger_claimed", person, trigger_id=trigger_id, manager_id=manager_id)
            return
        content: Record = {"trigger_id": trigger_id, "manager_id": manager_id}
        outcome = rng.choice([None, None, "retained", "lost", "no_need"])
        self._told("manager_contact", person, **(content if outcome is None else content | {"outcome": outcome}))

    def news_from_a_closed_day(self, person: "Person") -> None:
        """Late news of the days on which an open trigger was raised: what made it true is made good, or nearly."""
        rng, history = self.rng, self.history
        standing = self._standing(person)
        if not standing:
            return
        one = rng.choice(standing)
        day = one.business_date - timedelta(days=rng.choice([0, 0, 0, 1, 3]))
        back = (history.today - day).days
        if one.code == "dormant":
            self._told("branch_visit", person, back, branch="B1")
        elif one.code == "complaint_open":
            complaint_id = one.key.partition(":")[0]
            self._told("complaint_resolved", person, back, complaint_id=complaint_id, outcome="settled")
        elif one.code in ("downgrade_watch", "lapsed", "special_expiring", "near_upgrade") and rng.random() < 0.7:
            self._restate(person, one)
        else:
            self._post_late(person, one, day)

    def _restate(self, person: "Person", raised: Step) -> None:
        """Brings a month that is behind a trigger above all thresholds, or far below."""
        history = self.history
        month = raised.key if len(raised.key) == len("2025-01") else plus_months(month_of(raised.business_date), -1)
        first, last = history.bank.first_month, history.bank.last_closed_month
        if first is None or last is None or not first <= month <= month_of(history.today):
            return
        target = 0 if raised.code == "near_upgrade" else history.ladder()[-1] * days_in(month) * 2
        history.set_month_sum(person, month, target, first_day(month))

    def _post_late(self, person: "Person", raised: Step, day: date) -> None:
        rng, history = self.rng, self.history
        falls = raised.code in ("near_upgrade", "maturity_upcoming", "special_expiring")
        kinds = (
            ["withdrawal", "fee_charged", "deposit"] if falls else ["deposit", "deposit", "transfer_in", "withdrawal"]
        )
        kind = "payroll_credited" if raised.code == "payroll_stopped" else rng.choice(kinds)
        worth = max(abs(self._worth(person)), history.near_threshold())
        amount = max(1, rng.choice([worth, worth * 5, worth // 2, history.near_threshold()]))
        there = [one for one in person.accounts if history.opened_on[one] <= day]
        wanted = raised.key.partition(":")[0] if raised.code == "maturity_upcoming" else ""
        if there and day <= history.today:
            account_id = wanted if wanted in there else rng.choice(there)
            history.send_posting(person, history.posting(kind, person, account_id, amount, day))

    def _standing(self, person: "Person") -> list[Step]:
        """Open triggers: of a code drawn first, so that rare ones come as often as the others."""
        steps = self.history.bank.steps(person.customer_id)
        ended = {(one.code, one.key) for one in steps if one.step not in ("raised", "claimed", "contacted")}
        standing = [one for one in steps if one.step == "raised" and (one.code, one.key) not in ended]
        codes = sorted({one.code for one in standing})
        code = self.rng.choice(codes) if codes else ""
        return [one for one in standing if one.code == code]

    def keep_habits(self, today: date) -> None:
        """Salaries on their day, mostly, and maturities on theirs."""
        history = self.history
        for person in history.people:
            payday = self._payday.setdefault(person.customer_id, self.rng.choice([3, 10, 10, 25, 31]))
            due = min(payday, days_in(month_of(today)))
            if person.accounts and today.day == due and self.rng.random() < 0.6:
                account_id = history.account(person, today)
                amount = self.rng.choice([500, history.near_threshold()])
                value_date = today - timedelta(days=self.rng.choice([0, 0, 0, 1, 2]))
                record = history.posting("payroll_credited", person, account_id, amount, value_date)
                history.send_posting(person, record)
        due_now = [one for one in self._maturing if one[0] <= today]
        self._maturing = [one for one in self._maturing if one[0] > today]
        for _, person, said in due_now:
            if self.rng.random() < 0.85:
                self._mature(person, said)

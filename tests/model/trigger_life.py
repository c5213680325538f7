"""The life of one customer's triggers: what is raised when and how often, and every later step (DOMAIN §5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.model import trigger_rules_money, trigger_rules_people, trigger_rules_tier
from tests.model.trigger_settings import CODES, DATED
from tests.model.trigger_view import Found, Record, RecordId, Taken, View, id_of

AT_CLOSE = {
    "aum_drop": trigger_rules_money.aum_drop,
    "large_outflow": trigger_rules_money.large_outflow,
    "outside_platform_drift": trigger_rules_money.outside_platform_drift,
    "payroll_stopped": trigger_rules_money.payroll_stopped,
    "maturity_upcoming": trigger_rules_money.maturity_upcoming,
    "maturity_unrenewed": trigger_rules_money.maturity_unrenewed,
    "tier_at_risk": trigger_rules_tier.tier_at_risk,
    "near_upgrade": trigger_rules_tier.near_upgrade,
    "downgrade_watch": trigger_rules_tier.downgrade_watch,
    "lapsed": trigger_rules_tier.lapsed,
    "dormant": trigger_rules_people.dormant,
    "complaint_open": trigger_rules_people.complaint_overdue,
    "relationship_end": trigger_rules_money.relationship_end,
    "special_expiring": trigger_rules_tier.special_expiring,
}
BY_RECORD = {
    "complaint_open": trigger_rules_people.complaint_filed,
    "dissatisfied": trigger_rules_people.dissatisfied,
    "credit_warning": trigger_rules_people.credit_warning,
}
WAITS_IF_LATE = {"credit_warning"}


@dataclass(frozen=True)
class Step:
    """One step of a trigger."""

    sequence: int
    code: str
    key: str
    step: str
    business_date: date
    evidence: dict[str, Any]
    policy_version: str
    manager_id: str | None
    cause: tuple[RecordId, ...] | None
    behind: frozenset[RecordId]  # records that the raise certainly stands on


class Life:
    """All steps of one customer's triggers so far."""

    def __init__(self, customer_id: str) -> None:
        self.customer_id = customer_id
        self.steps: list[Step] = []
        self.with_money: set[date] = set()  # days at whose close AUM was above 0, as known then

    # --- a record -----------------------------------------------------------------------------------------------------

    def take(self, view: View, taken: Taken, day: date) -> None:
        """What a record does on the open day `day`: steps of triggers it names, and triggers by record."""
        record, kind = taken.record, taken.record["type"]
        if kind == "trigger_claimed":
            self._claim(view, record, day)
        elif kind == "manager_contact":
            self._contact(view, record, day)
        for code, rule in BY_RECORD.items():
            if not (taken.late and code in WAITS_IF_LATE):
                self._raise_all(view, code, rule(view, record, view.settings(day, code)), day)
        if _moved_on(view, record) == day:
            settings = view.settings(day, "large_outflow")
            self._raise_all(view, "large_outflow", trigger_rules_money.large_outflow(view, day, settings), day)

    def _claim(self, view: View, record: Record, day: date) -> None:
        raised = self._named(record["trigger_id"])
        if raised is not None and self._state(raised) == "raised":
            self._step(view, raised, "claimed", day, manager_id=record["manager_id"], cause=(id_of(record),))

    def _contact(self, view: View, record: Record, day: date) -> None:
        raised = self._named(record.get("trigger_id"))
        if raised is not None and raised in self.open():
            step = record.get("outcome") or "contacted"
            self._step(view, raised, step, day, manager_id=record["manager_id"], cause=(id_of(record),))

    # --- a close ------------------------------------------------------------------------------------------------------

    def close(self, view: View, day: date, since_last_close: list[Taken]) -> None:
        """Withdrawals and expiries, each in order of raising, then raises in the order of the table, keys ascending."""
        late = [one.record for one in since_last_close if one.late]
        if view.aum(day) > 0:
            self.with_money.add(day)
        for raised in self.open():
            own_day = raised.code == "large_outflow" and raised.business_date == day
            if (late or own_day) and not self._still_true(view, raised):
                cause = None if own_day else tuple(id_of(one) for one in late)
                self._step(view, raised, "withdrawn", day, cause=cause)
        for raised in self.open():
            if day >= raised.business_date + timedelta(days=view.settings(day, raised.code).expire_days):
                self._step(view, raised, "expired", day)
        for code in CODES:
            settings = view.settings(day, code)
            found = [*AT_CLOSE[code](view, day, settings)] if code in AT_CLOSE else []
            if code in WAITS_IF_LATE:
                found += [one for each in late for one in BY_RECORD[code](view, each, settings)]
            self._raise_all(view, code, found, day)

    def _still_true(self, view: View, raised: Step) -> bool:
        """Whether it would be true on the day it was raised, as known now. What a person said stays true."""
        said = raised.code == "complaint_open" and raised.key.endswith(":filed")
        if said or raised.code not in AT_CLOSE:
            return True
        day = raised.business_date
        found = AT_CLOSE[raised.code](view, day, view.settings(day, raised.code))
        return any(one.key == raised.key for one in found)

    # --- how often ----------------------------------------------------------------------------------------------------

    def _raise_all(self, view: View, code: str, found: Iterable[Found], day: date) -> None:
        if not view.settings(day, code).enabled:
            return
        for one in sorted(found, key=lambda each: each.key.encode()):
            if self._may_raise(view, code, one, day):
                version = view.policy(day).version
                number = len(self.steps) + 1
                self.steps.append(
                    Step(number, code, one.key, "raised", day, one.evidence, version, None, None, one.behind)
                )

    def _may_raise(self, view: View, code: str, found: Found, day: date) -> bool:
        raised = [one for one in self.steps if one.step == "raised" and one.code == code]
        if any(one.key == found.key for one in raised):
            return False
        if code not in DATED:
            return True
        stood = [one for one in raised if self._state(one) != "withdrawn"]
        if not stood:
            return True
        last = stood[-1]
        if code == "relationship_end" and not any(one > last.business_date for one in self.with_money):
            return False
        if _worse(view, code, found, last, day):
            return True
        rested = (day - last.business_date).days >= view.settings(day, code)["cooldown_days"]
        return rested and not any(one.code == code for one in self.open())

    # --- what stands --------------------------------------------------------------------------------------------------

    def open(self) -> list[Step]:
        """The raises without outcome, expiry or withdrawal, in order."""
        alive = ("raised", "claimed", "contacted")
        return [one for one in self.steps if one.step == "raised" and self._state(one) in alive]

    def _state(self, raised: Step) -> str:
        return next(one.step for one in reversed(self.steps) if (one.code, one.key) == (raised.code, raised.key))

    def _named(self, trigger_id: str | None) -> Step | None:
        for one in self.steps:
            if one.step == "raised" and trigger_id == f"{self.customer_id}:{one.code}:{one.key}":
                return one
        return None

    def _step(
        self,
        view: View,
        raised: Step,
        step: str,
        day: date,
        *,
        manager_id: str | None = None,
        cause: tuple[RecordId, ...] | None = None,
    ) -> None:
        number, version = len(self.steps) + 1, view.policy(day).version
        self.steps.append(
            Step(
                number,
                raised.code,
                raised.key,
                step,
                day,
                raised.evidence,
                version,
                manager_id,
                cause,
                raised.behind,
            )
        )


def _worse(view: View, code: str, found: Found, last: Step, day: date) -> bool:
    settings = view.settings(day, code)
    if code == "aum_drop":
        return last.evidence["now"] > 0 and bool(found.evidence["now"] <= settings["share"] * last.evidence["now"])
    if code == "large_outflow":
        return bool(found.evidence["loss"] >= settings["times"] * last.evidence["loss"])
    return False


def _moved_on(view: View, record: Record) -> date | None:
    """From which day the record changes an AUM balance; None if it changes none."""
    if record["type"] == "reversal":
        posting = view.bank.undone_by(view.customer_id, record)
    else:
        found = view.bank.posting_of(view.customer_id, record)
        if found is None:
            return None
        posting = found
    return max(posting.value_date, view.first) if posting.moves_aum else None

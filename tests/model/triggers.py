"""The slow, obvious model of the sixteen retention triggers: an oracle that shares nothing with the engine.

Every close judges every customer anew by scanning all records; the only state are the steps so far. Rules: DOMAIN §5;
names, evidence and parameters: CONTRACT §5.

Choices, where the pages leave one:

 1. AUM on a day before F is 0: nothing counts earlier than F's first day, so a base of before F never fires.
 2. "Value dates before F count as F's first day" holds for every value date a trigger looks at: payrolls, transfers,
    maturities and closings too. Dates brought forward (payrolls, last activity) stay as they are.
 3. Per-record triggers, claims and contacts of before the first close run in log order ahead of that close, on AUM with
    everything taken until then; nothing was closed when they came, so of them only reversals are late.
 4. "Each record valued on the open day" are records that change an AUM balance from that day on, reversals by the value
    date of what they undo. large_outflow counts `amount` of a redemption, not `book`, whatever its counterparty.
 5. A late complaint or rating is raised at once: they have no value date. Only credit warnings wait for the close.
 6. The class before a classification is the one said before it in log order, and no classification is ever untrue
    again. The key is loan_id:the new class. A first notice of 65 days is overdue-1, overdue-30 and overdue-60 at once,
    keys ascending as texts, so overdue-180 stands before overdue-30.
 7. A trigger is re-tested by its condition alone: not by cooldown, an open one, or getting worse; on the tier of its day
    as known now, re-runs and replayed grants included, and with the parameters of the policy version of its day.
 8. Filed complaints, ratings and credit warnings are what somebody said: no late record makes them untrue. A complaint
    overdue is untrue if it turns out to be resolved (date of occurred_at) by the day it was raised.
 9. Getting worse needs a last raise that stands with now > 0 (aum_drop).
10. relationship_end is armed again by a close after the last raise not withdrawn, up to that of d, at which AUM of the
    day was above 0 as known then: nobody keeps days for ever. The last AUM account is closed: of the accounts opened
    until d all are closed until d, one with value date d.
11. maturity_upcoming: what was said with a value date after d is not said yet; of the rest the last in the log.
    Reversed purchases say nothing. The product is the last one said of the account.
12. maturity_unrenewed: a maturity whose v + days was closed when it came is never judged.
13. downgrade_watch: months left until something falls if every month from now on is missed: the smaller of both
    counters, of which the lowest level has only below_entry.
14. `lapsed` is due at the close that makes a customer lapsed, and at every one that leaves grace_left 1; both at once
    are one. Brought-forward customers come in by the second.
15. dormant needs a known activity. A complaint's resolution is the bank's.
16. A contact without outcome on a contacted trigger is one more `contacted`. A contact that both names a trigger and
    reports a sign steps first and raises then.
17. Working days: of several closes of required sources for the day the one taken last that says so; others move nothing.
18. Each step carries the policy version of its own month; expire_days are those of the day that expires.
19. The cause of a step that a manager takes is the record that says so; a raise has none.
20. Records that are late, for the re-test and as cause, are all of the customer's, interactions included.
21. "None is open" and "getting worse" look at all raises of the code: an older one that is still open holds the next back.

Left out of comparison: `records` beyond "these must be in it" (see `Found.behind`) and "all are the customer's";
`months` of lapsed beyond the last month; `accounts` of relationship_end; the order of `to`; the texts of `says`.
"""

from datetime import date
from typing import Any

from tests.model.trigger_life import Life, Step
from tests.model.trigger_settings import Settings
from tests.model.trigger_view import Record, Taken, View, happened_on
from tests.model.wide_bank import WideBank


class TriggerBank(WideBank):
    """A model bank that raises triggers too. `policies` as in `Bank`."""

    def __init__(self, policies: list[dict[str, Any]]) -> None:
        super().__init__(policies)
        self._raw = {one.get("version", "default-1"): one for one in policies or [{}]}
        self._parsed: dict[tuple[str, str], Settings] = {}
        self._taken: dict[str, list[Taken]] = {}  # everything, in log order
        self._since_close: dict[str, list[Taken]] = {}
        self._lives: dict[str, Life] = {}

    def take(self, record: Record) -> str | None:
        """As `Bank.take`; the steps that follow are in `steps`."""
        closed, open_day = self.closed_day(), self.open_day()
        outcome = super().take(record)
        if outcome is None and "customer_id" in record:
            late = record["type"] == "reversal" or (closed is not None and _dated(record) <= closed)
            taken = Taken(record, open_day, late)
            customer_id = record["customer_id"]
            self._taken.setdefault(customer_id, []).append(taken)
            self._since_close.setdefault(customer_id, []).append(taken)
            if open_day is not None:
                self._life(customer_id).take(self._view(customer_id), taken, open_day)
        return outcome

    def steps(self, customer_id: str) -> list[Step]:
        """All steps of a customer's triggers, in order."""
        return list(self._life(customer_id).steps)

    def _close_day(self, day: date) -> None:
        first = self.closed_day() is None
        super()._close_day(day)
        for customer in self._everyone():
            customer_id = customer.customer_id
            view, life = self._view(customer_id), self._life(customer_id)
            if first:
                self._take_before_first_close(customer_id, view, life, day)
            assert view.tier(day) == self.newest_tier(customer_id)
            life.close(view, day, self._since_close.pop(customer_id, []))

    def _take_before_first_close(self, customer_id: str, view: View, life: Life, day: date) -> None:
        for taken in self._taken.get(customer_id, []):
            life.take(view, taken, day)

    def _life(self, customer_id: str) -> Life:
        return self._lives.setdefault(customer_id, Life(customer_id))

    def _view(self, customer_id: str) -> View:
        return View(self, customer_id, self._settings)

    def _settings(self, day: date, code: str) -> Settings:
        version = self.policy_of(day).version
        if (version, code) not in self._parsed:
            self._parsed[version, code] = Settings(self._raw[version], code)
        return self._parsed[version, code]


def _dated(record: Record) -> date:
    """The day that decides whether a record is late: its value date, else when it happened."""
    said = record.get("value_date")
    return happened_on(record) if said is None else date.fromisoformat(said)

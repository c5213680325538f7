"""Conditions of the triggers on what people and loans do (DOMAIN §5, the table)."""

from collections.abc import Iterator
from datetime import date, timedelta

from tests.model.months import days_between
from tests.model.trigger_settings import Settings
from tests.model.trigger_view import Found, Record, View, happened_on, ids_of

CLASSES = ("normal", "special_mention", "substandard", "doubtful", "loss")
ACTIVE = (
    "deposit",
    "withdrawal",
    "transfer_out",
    "product_purchased",
    "product_redeemed",
    "loan_repaid",
    "account_opened",
    "branch_visit",
    "app_session",
    "campaign_response",
    "product_enquiry",
    "complaint_filed",
    "satisfaction_rated",
    "identity_verified",
)
"""What a customer does; calls and messages count when they come in."""


def dormant(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """Long since the customer did anything, with money worth keeping."""
    done = [(happened_on(one), one) for one in view.standing(*ACTIVE)]
    done += [(happened_on(one), one) for one in view.standing("phone_call", "message") if one["direction"] == "in"]
    for record in view.standing("customer_brought_forward"):
        if record.get("last_activity_on") is not None:
            done.append((date.fromisoformat(record["last_activity_on"]), record))
    known = [on for on, _ in done if on <= day]
    worth = view.aum(day)
    if known and (day - max(known)).days >= settings["days"] and worth > 0 and worth >= settings["aum_at_least"]:
        yield Found(str(day), {"last_activity_on": str(max(known)), "aum": worth})


def complaint_overdue(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """Complaints not resolved when their working days are over."""
    for record, settled_on in _complaints(view):
        after = days_between(happened_on(record) + timedelta(days=1), day)
        unresolved = settled_on is None or settled_on > day
        if unresolved and sum(map(view.bank.is_working_day, after)) >= settings["working_days"]:
            complaint_id = record["complaint_id"]
            yield Found(f"{complaint_id}:overdue", {"complaint_id": complaint_id}, ids_of([record]))


def _complaints(view: View) -> Iterator[tuple[Record, date | None]]:
    """Each complaint filed, and the date of the first resolution of its id that comes behind it in the log."""
    records = view.standing("complaint_filed", "complaint_resolved")
    for at, record in enumerate(records):
        if record["type"] == "complaint_filed":
            behind = [one for one in records[at:] if one["type"] == "complaint_resolved"]
            settled = [happened_on(one) for one in behind if one["complaint_id"] == record["complaint_id"]]
            yield record, settled[0] if settled else None


def complaint_filed(_view: View, record: Record, _settings: Settings) -> Iterator[Found]:
    """A complaint comes in."""
    if record["type"] != "complaint_filed":
        return
    complaint_id = record["complaint_id"]
    yield Found(f"{complaint_id}:filed", {"complaint_id": complaint_id}, ids_of([record]))


def dissatisfied(_view: View, record: Record, settings: Settings) -> Iterator[Found]:
    """A bad rating."""
    if record["type"] == "satisfaction_rated" and record["score"] <= settings["at_most"]:
        yield Found(record["event_id"], {"score": record["score"]}, ids_of([record]))


def credit_warning(view: View, record: Record, settings: Settings) -> Iterator[Found]:
    """What one record says of a loan, or a manager of the customer; its steps by key."""
    kind = record["type"]
    behind = ids_of([record])
    if kind == "loan_classified":
        before = "normal"
        for one in view.standing("loan_opened", "loan_classified"):
            if one is record:
                break
            if one["loan_id"] == record["loan_id"]:
                before = one.get("class") or "normal"
        if CLASSES.index(record["class"]) > CLASSES.index(before):
            evidence = {"before": before, "after": record["class"]}
            yield Found(f"{record['loan_id']}:{record['class']}", evidence, behind)
    elif kind == "loan_overdue":
        reached = [0]
        for one in view.standing("loan_overdue"):
            if one is record:
                break
            if one["loan_id"] == record["loan_id"]:
                reached.append(one["days_overdue"])
        steps = [one for one in settings["overdue"] if max(reached) < one <= record["days_overdue"]]
        for key in sorted(f"{record['loan_id']}:overdue-{one}" for one in steps):
            yield Found(key, {"days_overdue": record["days_overdue"]}, behind)
    elif kind == "manager_contact" and record.get("credit_sign") is not None:
        yield Found(f"sign:{record['event_id']}", {}, behind)

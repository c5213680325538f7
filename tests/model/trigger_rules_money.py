"""Conditions of the triggers on money, each from scratch on one day (DOMAIN §5, the table): what is true there now."""

from collections.abc import Iterator
from datetime import date, timedelta

from tests.model.months import days_in, month_of, plus_months
from tests.model.trigger_settings import Settings
from tests.model.trigger_view import Found, Record, View, id_of, ids_of, last_days


def aum_drop(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """AUM(d) ≤ share of the highest of the last days, and that high is worth it."""
    worth = {one: view.aum(one) for one in last_days(day, settings["window_days"])}
    high, now = max(worth.values()), worth[day]
    if high > 0 and high >= settings["high_at_least"] and now <= settings["share"] * high:
        high_on = max(one for one in worth if worth[one] == high)
        yield Found(str(day), {"high": high, "high_on": str(high_on), "now": now})


def large_outflow(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """What left the bank on value date d, as far as AUM fell by it."""
    leaving = [(one, kind) for one, kind in _leaving(view) if view.value_date(one) == day]
    before, now = view.aum(day - timedelta(days=1)), view.aum(day)
    out = sum(one["amount"] for one, _ in leaving)
    loss = min(out, before - now)
    if before > 0 and loss >= settings["at_least"] and loss >= settings["share"] * before:
        to = [{"amount": one["amount"], "kind": kind} for one, kind in leaving]
        evidence = {"out": out, "loss": loss, "before": before, "now": now, "to": to}
        yield Found(str(day), evidence, ids_of([one for one, _ in leaving]))


def _leaving(view: View) -> Iterator[tuple[Record, str]]:
    for record in view.standing("withdrawal", "transfer_out"):
        absent = "cash" if record["type"] == "withdrawal" else "unknown"
        kind = (record.get("counterparty") or {"kind": absent})["kind"]
        if kind not in ("own", "same_bank"):
            yield record, kind
    for record in view.standing("product_redeemed", "product_matured"):
        if record.get("paid_to") is None:
            yield record, "unknown"


def outside_platform_drift(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """Several transfers to other banks and platforms, together a share of what was there before them."""
    window = last_days(day, settings["window_days"])
    away = [
        one
        for one in view.standing("transfer_out")
        if (one.get("counterparty") or {}).get("kind") in ("other_bank", "payment_platform")
        and view.value_date(one) in window
    ]
    base = view.aum(day - timedelta(days=settings["window_days"]))
    total = sum(one["amount"] for one in away)
    if base > 0 and len(away) >= settings["count"] and total >= settings["share"] * base:
        yield Found(str(day), {"count": len(away), "sum": total, "base": base}, ids_of(away))


def payroll_stopped(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """A payroll in each of the months before M, and none around the day on which M's was to come."""
    paid = [(view.value_date(one), id_of(one)) for one in view.standing("payroll_credited")]
    for record in view.standing("customer_brought_forward"):
        paid += [(date.fromisoformat(one), id_of(record)) for one in record.get("payrolls") or []]
    for month in [plus_months(month_of(day), -back) for back in range(2 + settings["after_days"] // 28)]:
        months = [plus_months(month, -back) for back in range(settings["months"], 0, -1)]
        of_months = [sorted(one for one in paid if month_of(one[0]) == each) for each in months]
        if not all(of_months):
            continue
        firsts = [one[0] for one in of_months]
        usual = max(one.day for one, _ in firsts)
        due = date.fromisoformat(f"{month}-{min(usual, days_in(month)):02d}")
        judged = due + timedelta(days=settings["after_days"])
        window = last_days(judged, settings["window_days"] + 1)
        if judged == day and not any(one in window for one, _ in paid):
            yield Found(month, {"days": [str(one) for one, _ in firsts]}, frozenset(one for _, one in firsts))


def maturity_upcoming(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """A holding with a balance whose term ends within the next days; the last term said counts."""
    said: dict[str, Record] = {}
    product: dict[str, str | None] = {}
    for record in view.standing("account_opened", "product_purchased"):
        if view.value_date(record) <= day:
            if record.get("matures_on") is not None:
                said[record["account_id"]] = record
            product[record["account_id"]] = record.get("product") or product.get(record["account_id"])
    for account_id, record in said.items():
        left = (date.fromisoformat(record["matures_on"]) - day).days
        balance = view.balance(account_id, day)
        if 0 < left <= settings["days"] and balance > 0:
            evidence = {"amount": balance, "date": record["matures_on"]}
            if product[account_id] is not None:
                evidence["product"] = product[account_id]
            yield Found(f"{account_id}:{record['matures_on']}", evidence, ids_of([record]))


def maturity_unrenewed(view: View, day: date, settings: Settings) -> Iterator[Found]:
    """Days after a maturity: too little of what was paid is still there."""
    for record in view.standing("product_matured"):
        matured_on = view.value_date(record)
        if day == matured_on + timedelta(days=settings["days"]):
            fallen = view.aum(matured_on - timedelta(days=1)) - view.aum(day)
            kept = record["amount"] - max(0, fallen)
            if kept < settings["share"] * record["amount"]:
                yield Found(record["event_id"], {"amount": record["amount"], "kept": kept}, ids_of([record]))


def relationship_end(view: View, day: date, _settings: Settings) -> Iterator[Found]:
    """AUM falls to nothing, or the last AUM account is closed with this value date."""
    there = [one for one in view.bank.accounts_of(view.customer_id) if max(one[1], view.first) <= day]
    closed = [one for one in there if one[2] is not None and max(one[2], view.first) <= day]
    last_closed = len(there) == len(closed) and any(
        one[2] is not None and max(one[2], view.first) == day for one in closed
    )
    if view.aum(day - timedelta(days=1)) > 0 >= view.aum(day) or last_closed:
        yield Found(str(day), {"accounts": [account_id for account_id, _, _ in there]})

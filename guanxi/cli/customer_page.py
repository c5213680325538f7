"""Everything about one customer as one object: what the page shows and what `--format jsonl` prints."""

from collections.abc import Iterable
from typing import Any, Final

from aggregates.account import Account
from aggregates.customer import Customer, months_known
from aggregates.dates import Month, days_in, iso, iso_month, month_of
from aggregates.money import average
from aggregates.outlook import Outlook, TopUp, month_so_far, outlook
from aggregates.policy import Policies, Policy
from projections.feed import Basis

MONTHS_SHOWN: Final = 12

Row = dict[str, Any]


def page_of(
    customer: Customer, basis: Basis, tier: Row, changes: Iterable[Row], alerts: Iterable[Row]
) -> dict[str, Any]:
    """The page of a customer; amounts in minor units of `currency`.

    tier: its row of `guanxi tiers`; changes: its tier changes; alerts: integrity alerts about it. outlook is null while
    no day is closed.
    """
    policies = Policies(basis.policies)
    changes = list(changes)
    spot: dict[str, int] = {}
    for account in customer.accounts.values():
        spot[account.category] = spot.get(account.category, 0) + account.balance
    return {
        "customer_id": customer.id,
        "currency": policies.latest.currency if len(policies) else None,
        "tier": {key: value for key, value in tier.items() if key != "customer_id"},
        "aum": {"spot": customer.spot_minor if customer.accounts else None, "by_category": dict(sorted(spot.items()))},
        "accounts": [_account(account_id, account) for account_id, account in sorted(customer.accounts.items())],
        "months": [_month(month, total, policies) for month, total in _last_months(customer, basis).items()],
        "outlook": _outlook(customer, basis, policies),
        "tier_changes": changes,
        "restatements": [change for change in changes if change["kind"] == "restated"],
        "alerts": list(alerts),
        "as_of_block": basis.block,
        "closed_through": basis.freshness.closed_through,
    }


def _account(account_id: str, account: Account) -> Row:
    return {
        "account_id": account_id,
        "category": account.category,
        "opened": iso(account.opened),
        "closed": iso(account.closed) if account.closed else None,
        "balance": account.balance,
    }


def _last_months(customer: Customer, basis: Basis) -> dict[Month, int]:
    """Sums of the last closed months that are known, ascending, those brought forward among them."""
    if not basis.first_month:
        return {}
    last = basis.last_closed or basis.first_month - 1
    return months_known(customer, range(last - MONTHS_SHOWN + 1, last + 1), basis.first_month)


def _month(month: Month, total: int, policies: Policies) -> Row:
    days = days_in(month)
    return {
        "month": iso_month(month),
        "sum": total,
        "days": days,
        "average": average(total, days),
        "reached": policies.at(month).reached(total, days),
    }


def _outlook(customer: Customer, basis: Basis, policies: Policies) -> Row | None:
    if not basis.closed_through or not customer.accounts:
        return None
    so_far = month_so_far(customer.accounts.values(), basis.closed_through)
    policy: Policy = policies.at(month_of(basis.closed_through))
    found: Outlook = outlook(customer.tier, so_far, policy)
    return {
        "date": iso(basis.closed_through),
        "days_left": so_far.days_left,
        "month_to_date": so_far.to_date_minor,
        "projected": so_far.projected_minor,
        "hold": _top_up(found.hold),
        "reach": _top_up(found.reach),
    }


def _top_up(top_up: TopUp | None) -> Row | None:
    return None if top_up is None else {"level": top_up.level, "amount": top_up.amount_minor}


def bar(amount: int, whole: int, width: int, marks: Iterable[int] = ()) -> str:
    """An amount as a bar of `width` cells, `whole` filling it; marks: amounts shown as ticks where it is empty."""
    if whole <= 0:
        return ""
    halves = max(0, min(2 * width, 2 * width * amount // whole))
    cells = ["█"] * (halves // 2) + ["▌"] * (halves % 2)
    cells += [" "] * (width - len(cells))
    for mark in marks:
        at = width * mark // whole
        if at < width and cells[at] == " ":
            cells[at] = "╎"
    return "".join(cells)


def bar_whole(averages: Iterable[int], policy: Policy | None) -> int:
    """What fills the longest bar: the lowest threshold above the highest average if it is in sight, else that average.

    In sight: the entry threshold always, another one up to half as much again.
    """
    top = max(averages, default=0)
    thresholds = [level.threshold_minor for level in policy.ladder] if policy else []
    above = next((threshold for threshold in thresholds if threshold > top), None)
    if above is not None and (above == thresholds[0] or 2 * above <= 3 * top):
        return above
    return top

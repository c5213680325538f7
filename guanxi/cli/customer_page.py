"""Everything about one customer as one object: what the page shows and what `--format jsonl` prints."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from aggregates.account import Account
from aggregates.as_of import balance_minor
from aggregates.customer import Customer, months_known, standing
from aggregates.dates import Day, Month, days_in, iso, iso_month, month_from, month_of
from aggregates.money import average
from aggregates.outlook import Outlook, TopUp, month_end, month_so_far, months_left, outlook
from aggregates.policy import Policies, Policy
from aggregates.tiers import Move, last_closed_month
from events.decisions import MonthRestated
from projections.forecast import foretold_on, is_foretold
from projections.moment import Moment
from projections.tiers import TiersAt

MONTHS_SHOWN: Final = 14

Row = dict[str, Any]


def page_of(
    customer: Customer,
    at: Moment,
    restated: Iterable[MonthRestated],
    changes: Sequence[Row],
    alerts: Iterable[Row],
    profile: Row | None = None,
) -> Row:
    """The page of a customer at a moment; amounts in minor units of `currency`.

    customer: folded from all of its lines; restated: what late records changed; changes: its tier changes; alerts:
    integrity alerts about it; profile: who it is (``customer_profile``). outlook is null while no day is closed.
    """
    basis = at.known.basis
    policies = Policies(basis.policies)
    accounts = {
        account_id: (account, balance_minor(account, at.as_of, basis.first_month) if at.as_of else account.balance)
        for account_id, account in sorted(customer.accounts.items())
        if not at.as_of or account.opened <= at.as_of
    }
    spot: dict[str, int] = {}
    for account, balance in accounts.values():
        spot[account.category] = spot.get(account.category, 0) + balance
    return {
        "customer_id": customer.id,
        "as_of": iso(at.as_of) if at.as_of else None,
        "currency": policies.latest.currency if len(policies) else None,
        "profile": profile,
        "tier": {key: value for key, value in TiersAt(at).row(customer).items() if key != "customer_id"},
        "aum": {"spot": sum(spot.values()) if accounts else None, "by_category": dict(sorted(spot.items()))},
        "accounts": [_account(name, account, balance, at.as_of) for name, (account, balance) in accounts.items()],
        "months": [_month(month, total, policies) for month, total in _last_months(customer, at).items()],
        "outlook": _outlook(customer, at, policies),
        "tier_changes": changes,
        "restatements": list(_restatements(restated, at)),
        "alerts": list(alerts),
        "as_of_block": basis.block,
        "closed_through": basis.freshness.closed_through,
    }


def _account(account_id: str, account: Account, balance: int, as_of: Day) -> Row:
    closed = account.closed if account.closed and (not as_of or account.closed <= as_of) else 0
    return {
        "account_id": account_id,
        "category": account.category,
        "opened": iso(account.opened),
        "closed": iso(closed) if closed else None,
        "balance": balance,
    }


def _last_months(customer: Customer, at: Moment) -> dict[Month, int]:
    """Sums of the last closed months that are known, ascending, those brought forward among them."""
    first, closed = at.known.basis.first_month, foretold_on(at)
    if not first:
        return {}
    last = max(last_closed_month(closed), first - 1) if closed else first - 1
    return months_known(customer, range(last - MONTHS_SHOWN + 1, last + 1), first)


def _restatements(restated: Iterable[MonthRestated], at: Moment) -> Iterable[Row]:
    """What late records changed in closed months: month, sums before and after, cause."""
    for line in restated:
        for month in line.months:
            if not at.as_of or month_from(month.month) <= month_of(at.as_of):
                cause = {"source": line.cause.source, "event_id": line.cause.event_id}
                yield {"month": month.month, "before": month.before, "after": month.after, "cause": cause}


def _month(month: Month, total: int, policies: Policies) -> Row:
    days = days_in(month)
    return {
        "month": iso_month(month),
        "sum": total,
        "days": days,
        "average": average(total, days),
        "reached": policies.at(month).reached(total, days),
    }


def _outlook(customer: Customer, at: Moment, policies: Policies) -> Row | None:
    day, tier = foretold_on(at), TiersAt(at).stood(customer).tier
    if not day or not is_foretold(tier, has_accounts=bool(customer.accounts)):
        return None
    so_far = month_so_far(customer.accounts.values(), day)
    policy: Policy = policies.at(month_of(day))
    left = months_left(tier, policy) if tier.watch or tier.below_entry else None
    found: Outlook = outlook(tier, so_far, policy)
    moves = month_end(tier, so_far, policy) if so_far.days_left else ()
    return {
        "date": iso(day),
        "days_left": so_far.days_left,
        "month_to_date": so_far.to_date_minor,
        "projected": so_far.projected_minor,
        "hold": _top_up(found.hold),
        "reach": _top_up(found.reach),
        "month_end": [_move(move) for move in moves],
        "to_downgrade": left.to_downgrade if left else None,
        "to_exit": left.to_exit if left else None,
    }


def _move(move: Move) -> Row:
    after = standing(move.after)
    return {
        "kind": move.kind,
        "state": after.state,
        "level": after.level,
        "watch": len(move.after.watch),
        "below_entry": move.after.below_entry,
        "grace_left": move.after.grace_left,
    }


def _top_up(top_up: TopUp | None) -> Row | None:
    return None if top_up is None else {"level": top_up.level, "amount": top_up.amount_minor}

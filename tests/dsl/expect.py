"""Decisions as they must come out, to the field (CONTRACT §5)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from aggregates.dates import first_day, iso, last_day, month_from
from events.decisions import (
    Cause,
    CustomerErased,
    Decision,
    IntegrityAlerted,
    MonthRestated,
    TierChanged,
    TotalsCounted,
)
from events.fields import MonthSum

Standing = dict[str, str | None]
ORDINARY: Standing = {"state": "ordinary", "level": None, "until": None}
LAPSED: Standing = {"state": "lapsed", "level": None, "until": None}


def vip(level: str) -> Standing:
    return {"state": "vip", "level": level, "until": None}


def special(level: str, until: str) -> Standing:
    return {"state": "special", "level": level, "until": until}


def _plain(decision: object) -> dict[str, Any]:
    """As it stands on a topic."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(decision))
    return plain


def shown(decision: Decision) -> dict[str, Any] | None:
    """A decision as others see it; None for what only the machine reads (rebuilding proves those)."""
    match decision:
        case TierChanged():
            return {"type": "tier_changed", **_plain(decision.published())}
        case IntegrityAlerted() | MonthRestated() | TotalsCounted() | CustomerErased():
            return _plain(decision)
        case _:
            return None


def tier_changed(
    sequence: int,
    kind: str,
    before: Standing,
    after: Standing,
    *,
    decided: str,
    effective: str,
    closed_month: str | None = None,
    months: Sequence[MonthSum] = (),
    watch: int = 0,
    below_entry: int = 0,
    cause: Sequence[Cause] | None = None,
    customer_id: str = "C1",
    policy: str = "default-1",
) -> dict[str, Any]:
    return {
        "type": "tier_changed",
        "id": f"{customer_id}:{sequence}",
        "sequence": sequence,
        "customer_id": customer_id,
        "kind": kind,
        "closed_month": closed_month,
        "effective_date": effective,
        "before": before,
        "after": after,
        "watch": watch,
        "below_entry": below_entry,
        "months": msgspec.to_builtins(list(months)),
        "policy_version": policy,
        "decided_at": decided,
        "cause": None if cause is None else msgspec.to_builtins(list(cause)),
    }


def at_month_close(sequence: int, kind: str, before: Standing, after: Standing, months: Sequence[MonthSum],
                   **more: Any) -> dict[str, Any]:  # fmt: skip
    """A tier change by the close of the last of these months: effective on the 1st of the next."""
    closed = month_from(months[-1].month)
    return tier_changed(
        sequence, kind, before, after, months=months, closed_month=months[-1].month, decided=iso(last_day(closed)),
        effective=iso(first_day(closed + 1)), **more,
    )  # fmt: skip


def month_restated(
    cause: Cause, *months: tuple[str, int, int], from_month: str, customer_id: str = "C1"
) -> dict[str, Any]:
    """months: (month, sum before, sum after), minor units."""
    return {
        "type": "month_restated",
        "customer_id": customer_id,
        "from_month": from_month,
        "months": [{"month": month, "before": before, "after": after} for month, before, after in months],
        "cause": msgspec.to_builtins(cause),
    }


def erased(cause: str, on: str, customer_id: str = "C1") -> dict[str, Any]:
    return {
        "type": "customer_erased", "customer_id": customer_id, "erased_on": on,
        "cause": {"source": "crm", "event_id": cause},
    }  # fmt: skip


def alert(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": "integrity_alerted", "kind": kind, **fields}


def totals_counted(
    date: str, count: int, signed_sum: int, stated: tuple[int, int], source: str = "core"
) -> dict[str, Any]:
    return {
        "type": "totals_counted", "source": source, "date": date, "count": count, "signed_sum": signed_sum,
        "stated_count": stated[0], "stated_signed_sum": stated[1],
    }  # fmt: skip


def core(event_id: str) -> Cause:
    return Cause("core", event_id)


def crm(event_id: str) -> Cause:
    return Cause("crm", event_id)

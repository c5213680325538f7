"""What is foretold of a customer, taken from the page of the customer."""

from typing import Any

from projections.forecast import FORETOLD

Row = dict[str, Any]


def as_the_page_says(page: Row) -> Row:
    """The row of `guanxi tiers --forecast` as the page would have it."""
    tier, outlook = page["tier"], page["outlook"]
    row = {"customer_id": page["customer_id"], **{key: tier[key] for key in ("state", "level", "until")}, **FORETOLD}
    if outlook is None:
        return row
    now = {"state": tier["state"], "level": tier["level"]}
    end = [now | {key: tier[key] for key in ("watch", "below_entry", "grace_left")}, *outlook["month_end"]][-1]
    row |= {key: outlook[key] for key in ("date", "days_left", "projected", "to_downgrade", "to_exit")}
    row |= {f"end_{key}": end[key] for key in ("state", "level", "watch", "below_entry", "grace_left")}
    row |= {key: outlook[key]["amount"] if outlook[key] else None for key in ("hold", "reach")}
    kinds = [move["kind"] for move in outlook["month_end"] if move["kind"]]
    return row | {"kind": kinds[-1] if kinds else None, "reach_level": (outlook["reach"] or {}).get("level")}

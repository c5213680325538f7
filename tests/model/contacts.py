"""Interactions in the model: all that they can be refused for are complaints (`bad_value`)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

REMEMBERED_DAYS = 100


@dataclass
class Complaint:
    """One complaint; `settled_on` is the open day on which it was resolved, None while it is open."""

    complaint_id: str
    settled_on: date | None = None


def refuse_interaction(complaints: list[Complaint], record: dict[str, Any], closed_through: date | None) -> str | None:
    """The word against an interaction, if there is one; complaints: all that the customer ever filed."""
    if record["type"] not in ("complaint_filed", "complaint_resolved"):
        return None
    known = [one for one in complaints if one.complaint_id == record["complaint_id"]]
    if record["type"] == "complaint_resolved":
        return None if any(one.settled_on is None for one in known) else "bad_value"
    for one in known:
        if one.settled_on is None or closed_through is None:
            return "bad_value"
        if (closed_through - one.settled_on).days < REMEMBERED_DAYS:
            return "bad_value"
    return None


def take_interaction(complaints: list[Complaint], record: dict[str, Any], open_day: date | None) -> None:
    """What an interaction changes for later ones."""
    if record["type"] == "complaint_filed":
        complaints.append(Complaint(record["complaint_id"]))
    elif record["type"] == "complaint_resolved":
        (found,) = (one for one in complaints if one.complaint_id == record["complaint_id"] and one.settled_on is None)
        found.settled_on = open_day or date.fromisoformat(record["occurred_at"][:10])

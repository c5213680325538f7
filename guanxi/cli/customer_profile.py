"""Who a customer is, on the page: registration, customer manager, consents. Nothing personal is shown (DOMAIN §7)."""

from typing import Any, Final, get_args

from aggregates.as_of import TierLine
from aggregates.dates import Day, day_of, iso
from aggregates.profile import EVOLVE, Managed, Profile
from events.decisions import CustomerErased
from events.fields import Record
from guanxi.cli.render import Column, Row, text
from guanxi.cli.words import Words
from processors.stored import Line

MASKED: Final = "***"
"""What stands for personal data that is sealed; no role may look at it here."""

_OF_PROFILE: Final = (*EVOLVE, *get_args(TierLine))
_YES_NO: Final = {True: Words("同意", "granted"), False: Words("撤回", "withdrawn")}

MANAGERS = (
    Column(Words("自", "Since"), text("since")),
    Column(Words("客户经理", "Manager"), text("manager_id")),
    Column(Words("网点", "Branch"), text("branch")),
)
CONSENTS = (
    Column(Words("用途", "Purpose"), text("purpose")),
    Column(Words("授权", "Consent"), lambda row, _: str(_YES_NO[row["granted"]])),
    Column(Words("自", "Since"), text("since")),
)


def is_said_by(line: Line, day: Day) -> bool:
    """Whether a line says something of who a customer is, or may end the relation with the manager, by a day; 0: ever."""
    return isinstance(line, _OF_PROFILE) and (not day or _day_of(line) <= day)


def _day_of(line: Any) -> Day:
    if isinstance(line, Record):
        return day_of(line.occurred_at[:10])
    if isinstance(line, CustomerErased):
        return day_of(line.erased_on)
    return day_of(getattr(line, "decided_at", "0001-01-01"))


def profile_of(profile: Profile | None, day: Day = 0) -> dict[str, Any] | None:
    """As the page of a day has it; null where nothing was ever said. personal: `sealed`, or `erased` since `erased_on`."""
    if profile is None:
        return None
    managers = [each for each in profile.managers if not day or each.since <= day]
    now = managers[-1] if managers and managers[-1].manager_id is not None else None
    return {
        "registered_on": iso(profile.registered_on) if profile.registered_on else None,
        "branch": profile.branch,
        "personal": "erased" if profile.erased_on else "sealed",
        "erased_on": iso(profile.erased_on) if profile.erased_on else None,
        "manager": None if now is None else _managed(now),
        "managers": [_managed(each) for each in managers],
        "consents": [
            {"purpose": purpose, "granted": consent.granted, "since": iso(consent.since)}
            for purpose, consent in sorted(profile.consents.items())
        ],
    }


def _managed(each: Managed) -> Row:
    return {"since": iso(each.since), "manager_id": each.manager_id, "branch": each.branch}


def told(found: Row) -> list[tuple[Words, str]]:
    """Terms and values for the top of the page."""
    manager = found["manager"]
    erased = f"已删除 erased {found['erased_on']}"
    return [
        (Words("登记", "Registered"), found["registered_on"] or "-"),
        (Words("网点", "Branch"), found["branch"] or "-"),
        (Words("个人资料", "Personal data"), erased if found["personal"] == "erased" else MASKED),
        (Words("客户经理", "Manager"), f"{manager['manager_id']}  自 since {manager['since']}" if manager else "-"),
    ]

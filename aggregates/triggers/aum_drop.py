"""``aum_drop``: much less AUM than at its highest of the last weeks (DOMAIN §5)."""

from collections.abc import Iterator

from aggregates.dates import day_of, iso
from aggregates.triggers.rule import (
    NEVER_RESTS,
    UNBOUND,
    AtLeastOne,
    Cooling,
    Evidence,
    Found,
    Minor,
    Rest,
    Rule,
    Says,
    Share,
    beside,
    money,
    yuan,
)
from aggregates.triggers.view import View
from events.decisions import Cause

_NAMED = 50
"""Money out on days behind is named from this part of the least high on."""


class AumDropParameters(Cooling, frozen=True):
    """share: what is left of the high, at most; high_at_least: lower highs do not count; window_days: to look back."""

    share: Share = Share(70, 100)
    high_at_least: Minor = 50_000_00
    window_days: AtLeastOne = 30


class AumDropEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """high: the highest end-of-day AUM of the window; high_on: its latest day; records: the money out since then."""

    high: int
    high_on: str
    now: int


def find(view: View, parameters: AumDropParameters) -> Iterator[Found]:
    """AUM now against the high of the window; a high of nothing is no high."""
    day = view.day
    now = view.aum(day)
    high, on = view.high(day - parameters.window_days + 1)
    if high > 0 and high >= parameters.high_at_least and parameters.share.at_most(now, high):
        yield Found(iso(day), AumDropEvidence(high=high, high_on=iso(on), now=now, records=()))


def named(view: View, evidence: AumDropEvidence) -> tuple[Cause, ...]:
    """The money out since the high, as far as it is worth naming."""
    return tuple(out.cause for out in view.outs(day_of(evidence.high_on) + 1, view.day))


_ROOM = Share(85, 100)
"""Of AUM as it is now: what the lower bound of rest may be raised to for room above the high."""


def worse(parameters: AumDropParameters, now: AumDropEvidence, last: AumDropEvidence) -> bool:
    """Whether AUM fell by the same share once more. Of nothing there is no share."""
    return last.now > 0 and parameters.share.at_most(now.now, last.now)


def rests(view: View, parameters: AumDropParameters, last: AumDropEvidence | None) -> Rest:
    """As long as AUM stays above the share of the high, or, where that was said, above the share of what it was then.

    A new high costs a look, so some room is left above it where AUM is far enough from the share of that too.
    """
    day, share = view.day, parameters.share
    now = view.aum(day)
    high, _ = view.high(day - parameters.window_days + 1)
    if high < parameters.high_at_least:
        return Rest(high=max(parameters.high_at_least, 1) - 1)
    if not share.at_most(now, high):
        return _between(parameters, now, high)
    if last is None:
        return NEVER_RESTS
    return Rest(low=last.now * share.part // share.whole + 1) if last.now > 0 else UNBOUND


def follows(parameters: AumDropParameters, now: int) -> Rest | None:
    """The same of a new high, which AUM now is."""
    return None if parameters.share.at_most(now, now) else _between(parameters, now, now)


def _between(parameters: AumDropParameters, now: int, high: int) -> Rest:
    share = parameters.share
    room = max(high, now * _ROOM.part * share.whole // (_ROOM.whole * share.part))
    return Rest(low=room * share.part // share.whole + 1, high=room)


def says(evidence: AumDropEvidence, currency: str) -> Says:
    """From what to what, and by how many whole per cent."""
    high, now = evidence.high, evidence.now
    down = (high - now) * 100 // high
    return Says(
        zh=f"金融资产由 {evidence.high_on} 的 {beside(yuan(high, currency), '降至')} {yuan(now, currency)}，降幅 {down}%",
        en=f"AUM is down {down}% from {money(high, currency)} on {evidence.high_on} to {money(now, currency)}",
    )


RULE = Rule(
    code="aum_drop",
    zh="资产下滑",
    en="AUM drop",
    parameters=AumDropParameters,
    evidence=AumDropEvidence,
    says=says,
    find=find,
    named=named,
    worse=worse,
    cools=True,
    looks_back=lambda parameters: parameters.window_days,
    names_from=lambda parameters: parameters.high_at_least // _NAMED,
    rests=rests,
    follows=follows,
)

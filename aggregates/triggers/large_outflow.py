"""``large_outflow``: much of a customer's money left on one day (DOMAIN §5)."""

from collections.abc import Iterator

import msgspec

from aggregates.dates import iso
from aggregates.triggers.rule import (
    OUTS,
    UNBOUND,
    AtLeastOne,
    Cooling,
    Evidence,
    Found,
    Minor,
    Rule,
    Says,
    Share,
    beside,
    money,
    yuan,
)
from aggregates.triggers.view import STAYS, View
from events.fields import Record

_KINDS = {
    "other_bank": ("他行", "other banks"),
    "payment_platform": ("第三方支付平台", "payment platforms"),
    "cash": ("现金", "cash"),
    "unknown": ("未注明", "counterparty not named"),
}


class LargeOutflowParameters(Cooling, frozen=True):
    """at_least: a smaller loss does not count; share: of AUM the day before; times the last loss is worse."""

    at_least: Minor = 50_000_00
    share: Share = Share(20, 100)
    times: AtLeastOne = 2


class Flow(msgspec.Struct, frozen=True, gc=False):
    """Money out and the kind of counterparty it went to."""

    amount: int
    kind: str


class LargeOutflowEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """before: AUM at the end of the day before; now: with everything taken so far; records: of `to`, one each."""

    out: int
    loss: int
    before: int
    now: int
    to: tuple[Flow, ...]


def find(view: View, parameters: LargeOutflowParameters) -> Iterator[Found]:
    """What left on the day, as far as AUM fell with it."""
    day = view.day
    outs = [each for each in view.outs(day, day) if each.kind not in STAYS]
    out = sum(each.amount for each in outs)
    if out < parameters.at_least:
        return
    before, now = view.aum(day - 1), view.aum(day)
    loss = min(out, before - now)
    if before > 0 and loss > 0 and loss >= parameters.at_least and parameters.share.at_least(loss, before):
        to = tuple(Flow(each.amount, each.kind) for each in outs)
        records = tuple(each.cause for each in outs)
        yield Found(iso(day), LargeOutflowEvidence(out=out, loss=loss, before=before, now=now, to=to, records=records))


def on_record(view: View, parameters: LargeOutflowParameters, record: Record) -> Iterator[Found]:
    """The same after a record valued on the open day; what is dated otherwise is for the closes."""
    if getattr(record, "value_date", None) == iso(view.day):
        yield from find(view, parameters)


def worse(parameters: LargeOutflowParameters, now: LargeOutflowEvidence, last: LargeOutflowEvidence) -> bool:
    """Whether the loss is a multiple of the last one."""
    return now.loss >= parameters.times * last.loss


def says(evidence: LargeOutflowEvidence, currency: str) -> Says:
    """How much left, where to, and what is left."""
    kinds: dict[str, int] = {}
    for flow in evidence.to:
        kinds[flow.kind] = kinds.get(flow.kind, 0) + flow.amount
    words = [(*_KINDS[kind], amount) for kind, amount in kinds.items()]
    to_zh = "、".join(f"{zh} {yuan(amount, currency)}" for zh, _, amount in words)
    to_en = ", ".join(f"{en} {money(amount, currency)}" for _, en, amount in words)
    return Says(
        zh=f"当日流出 {yuan(evidence.out, currency)}（{to_zh}），"
        f"金融资产由 {beside(yuan(evidence.before, currency), '降至')} {yuan(evidence.now, currency)}",
        en=f"{money(evidence.out, currency)} left in a day ({to_en}); "
        f"AUM fell from {money(evidence.before, currency)} to {money(evidence.now, currency)}",
    )


RULE = Rule(
    code="large_outflow",
    zh="大额流出",
    en="Large outflow",
    parameters=LargeOutflowParameters,
    evidence=LargeOutflowEvidence,
    says=says,
    find=find,
    on_record=on_record,
    worse=worse,
    cools=True,
    floor=lambda parameters: parameters.at_least,
    rests=UNBOUND,
    needs=OUTS,
)

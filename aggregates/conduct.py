"""What a customer does, as far as retention triggers ask: signs of life, money out, salaries, products at their term.

Kept by evolve alone and for as long as a rule may look back (DOMAIN §5), always, whether or not a rule is active yet. What
balances were is not here: accounts keep their days (``aggregates.account``).
"""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from aggregates.customer import Customer
from aggregates.dates import Day
from aggregates.triggers.memory import Conduct, More
from aggregates.triggers.view import OUTSIDE, STAYS
from events.codec import DAYS
from events.decisions import Cause, PostingReversed
from events.transactions import (
    AccountClosed,
    AccountOpened,
    CustomerBroughtForward,
    Deposit,
    MoneyRecord,
    PayrollCredited,
    ProductMatured,
    ProductPurchased,
    ProductRedeemed,
    TransferOut,
    Withdrawal,
)

ACTIVITY_DAYS_KEPT = 8
"""Days with a sign of life kept on or before the day that matters: so many whole days would have to be reversed before
one is missed."""
ACTIVITY_DAYS_AT_MOST = 40
_MATURITIES_AT_MOST = 12
"""So much said of the maturity of an account is kept, in case that the last of it is reversed."""

_SLACK_DAYS = 15
"""Money out that nobody asks for any more is dropped some days at a time."""

ACT, OUT, PAYROLL, MATURITY, MATURED, CLOSING = 4, 5, 3, 5, 4, 4
"""Places an entry takes in the flat lists of ``Conduct`` and ``More``."""

ACTS_AT_MOST = ACTIVITY_DAYS_AT_MOST * ACT
"""Places that the signs of life of a customer take behind a close."""

OUTS: tuple[tuple[str, bool], ...] = (
    ("cash", False),
    ("unknown", False),
    ("other_bank", False),
    ("payment_platform", False),
    ("cash", True),
    ("unknown", True),
    ("other_bank", True),
    ("payment_platform", True),
)
"""What an entry of money out is: kind of the counterparty, and whether a transfer_out said it."""
_WHAT = {out: at for at, out in enumerate(OUTS)}
WITHDRAWN, TRANSFERRED = (
    {kind: at for (kind, told), at in _WHAT.items() if told is is_transfer} for is_transfer in (False, True)
)
"""Kind of the counterparty -> what an entry of money out is; "" where none is named; one with whom money stays is not in it."""
WITHDRAWN[""], TRANSFERRED[""] = WITHDRAWN["cash"], TRANSFERRED["unknown"]
DRIFTS = frozenset(TRANSFERRED[kind] for kind in OUTSIDE)
"""What an entry of a transfer is that drifts."""

ACTIVE: tuple[type[MoneyRecord] | type[AccountOpened], ...] = (
    Deposit,
    Withdrawal,
    TransferOut,
    ProductPurchased,
    ProductRedeemed,
    AccountOpened,
)
"""Records of the transactions topic that are a sign of life (DOMAIN §5, dormant)."""
BOOKED: tuple[type[MoneyRecord], ...] = (Withdrawal, TransferOut, PayrollCredited)
"""Records of one leg of which more than a sign of life is remembered."""
_ACTIVE_NAMES = frozenset(str(each.__struct_config__.tag) for each in ACTIVE)


def conduct_of(customer: Customer) -> Conduct:
    """The customer's conduct, begun if there was none."""
    conduct = customer.conduct
    if conduct is None:
        conduct = customer.conduct = Conduct([], [])
    return conduct


def more_of(conduct: Conduct) -> More:
    """The rest of a conduct, begun if there was none."""
    more = conduct.more
    if more is None:
        more = conduct.more = More()
    return more


# ------------------------------------------------------------------------------------------------------ signs of life


def note_activity(customer: Customer, day: Day, cause: Cause) -> None:
    """Evolve: a sign of life (DOMAIN §5, dormant). day: date of occurred_at."""
    add_activity(conduct_of(customer), day, cause.source, cause.event_id)


def add_activity(conduct: Conduct, day: Day, source: str, event_id: str) -> None:
    """As ``note_activity``. Of a day the first record is named, the others are counted."""
    acts = conduct.acts
    at = _place(acts, day)
    if at < len(acts) and acts[at] == day:
        acts[at + 1] += 1  # type: ignore[operator]
        return
    acts[at:at] = (day, 1, source, event_id)


def drop_activity(conduct: Conduct, day: Day, cause: Cause) -> None:
    """Evolve: a record was reversed, which is no activity then."""
    acts = conduct.acts
    at = _place(acts, day)
    if at == len(acts) or acts[at] != day:
        return
    acts[at + 1] -= 1  # type: ignore[operator]
    if not acts[at + 1]:
        del acts[at : at + ACT]
    elif acts[at + 2 : at + ACT] == [cause.source, cause.event_id]:
        acts[at + 2 : at + ACT] = ("", "")  # others are left of the day, but which is not known


def forget_activity(conduct: Conduct, day: Day) -> None:
    """Drop days with a sign of life that nobody asks for. day: the earliest of which somebody may still ask for the last."""
    acts = conduct.acts
    if len(acts) > ACTS_AT_MOST:
        del acts[: max(_place(acts, day + 1) - ACTIVITY_DAYS_KEPT * ACT, 0)]


def _place(acts: Sequence[int | str], day: Day) -> int:
    """Where a day stands, or would, among days with a sign of life; found from the end."""
    at = len(acts)
    while at and acts[at - ACT] >= day:  # type: ignore[operator]
        at -= ACT
    return at


# ------------------------------------------------------------------------------------------------------ money


def note_single(conduct: Conduct, r: MoneyRecord, day: Day) -> None:
    """Evolve: a record of one leg. day: its value date."""
    kind = r.__class__
    if kind in (Withdrawal, TransferOut):
        whats = WITHDRAWN if kind is Withdrawal else TRANSFERRED
        what = whats.get("" if r.counterparty is UNSET else r.counterparty.kind)
        if what is not None:
            _add_out(conduct, r, day, what)
    elif kind is PayrollCredited:
        more_of(conduct).payrolls += (day, r.source, r.event_id)
    if kind in ACTIVE:
        add_activity(conduct, DAYS[r.occurred_at[:10]], r.source, r.event_id)


def note_product(conduct: Conduct, r: Any, day: Day) -> None:
    """Evolve: a product was bought, redeemed or came to its term. day: value date."""
    if isinstance(r, ProductPurchased):
        note_maturity(conduct, r)
    elif isinstance(r, ProductMatured):
        more_of(conduct).matured += (day, r.amount, r.source, r.event_id)
    if isinstance(r, ProductMatured | ProductRedeemed) and r.paid_to is UNSET:
        kind = "unknown" if r.counterparty is UNSET or r.counterparty.kind in STAYS else r.counterparty.kind
        _add_out(conduct, r, day, _WHAT[kind, False])
    if isinstance(r, ACTIVE):
        add_activity(conduct, DAYS[r.occurred_at[:10]], r.source, r.event_id)


def _add_out(conduct: Conduct, r: MoneyRecord, day: Day, what: int) -> None:
    conduct.outs += (day, r.amount, what, r.source, r.event_id)
    conduct.out += r.amount


def note_maturity(conduct: Conduct, r: ProductPurchased | AccountOpened) -> None:
    """Evolve: what is said of the maturity of an account, or of its product, if anything is."""
    if r.matures_on is not UNSET or r.product is not UNSET:
        said = more_of(conduct).maturities.setdefault(r.account_id, [])
        on = 0 if r.matures_on is UNSET else DAYS[r.matures_on]
        product = None if r.product is UNSET else r.product
        said += (DAYS[r.value_date], on, product, r.source, r.event_id)


def note_closing(conduct: Conduct, r: AccountClosed) -> None:
    """Evolve: an account was closed."""
    more_of(conduct).closings += (DAYS[r.value_date], r.account_id, r.source, r.event_id)


def note_brought(conduct: Conduct, r: CustomerBroughtForward) -> None:
    """Evolve: what a customer brings along."""
    if r.last_activity_on is not UNSET:
        add_activity(conduct, DAYS[r.last_activity_on], "", "")
    if r.payrolls is not UNSET:
        for date in sorted(r.payrolls):
            more_of(conduct).payrolls += (-DAYS[date], r.source, r.event_id)


def note_reversed(conduct: Conduct, line: PostingReversed) -> None:
    """Evolve: a record was undone. Of one noted so long ago that it is forgotten nothing is left to undo."""
    source, event_id = line.original.source, line.original.event_id
    outs = conduct.outs
    at = _named(outs, OUT, source, event_id)
    if at >= conduct.told:
        conduct.out -= outs[at + 1]  # type: ignore[operator]
    elif at >= 0:
        conduct.told -= OUT
    _drop(outs, at, OUT)
    if line.record_type in _ACTIVE_NAMES:
        drop_activity(conduct, DAYS[line.occurred_on], line.original)
    more = conduct.more
    if more is not None:
        _drop(more.payrolls, _named(more.payrolls, PAYROLL, source, event_id), PAYROLL)
        _drop(more.matured, _named(more.matured, MATURED, source, event_id), MATURED)
        for said in more.maturities.values():
            _drop(said, _named(said, MATURITY, source, event_id), MATURITY)


def _named(flat: Sequence[Any], size: int, source: str, event_id: str) -> int:
    """Where the entry of a record begins, of several the last; -1: nowhere. Entries end with source and event_id."""
    for at in range(len(flat) - size, -1, -size):
        if flat[at + size - 1] == event_id and flat[at + size - 2] == source:
            return at
    return -1


def _drop(flat: list[Any], at: int, size: int) -> None:
    if at >= 0:
        del flat[at : at + size]


# ------------------------------------------------------------------------------------------------------ forgetting


def forget_outs(conduct: Conduct, closed: Day, keep_all_from: Day, keep_from: Day, worth: int) -> None:
    """A day closed: of money out up to it only what is worth naming is kept, and what an open trigger rests on.

    keep_all_from: of this day and later all of it is kept, the day after `closed` at the latest; keep_from: before it nothing
    need be; worth: so much is worth naming, minor units, and so is every transfer to another bank or a payment platform.
    """
    outs = conduct.outs
    start = conduct.told
    if start and outs[0] < keep_from - _SLACK_DAYS:  # type: ignore[operator]
        start = 0
    elif len(outs) == start + OUT and outs[start] < keep_all_from:  # type: ignore[operator]
        day, amount, what = outs[start : start + 3]  # of one alone, which is nearly always, the same as below
        if day < keep_from or not is_worth_naming(amount, what, worth):  # type: ignore[operator, arg-type]
            del outs[start:]
        conduct.out, conduct.told = 0, len(outs)
        return
    behind = outs[start:]
    del outs[start:]
    ahead: list[int | str] = []
    out = 0
    for at in range(0, len(behind), OUT):
        on: int = behind[at]  # type: ignore[assignment]
        if on > closed:
            ahead += behind[at : at + OUT]
            out += behind[at + 1]  # type: ignore[operator]
        elif on >= keep_all_from or (on >= keep_from and is_worth_naming(behind[at + 1], behind[at + 2], worth)):  # type: ignore[arg-type]
            outs += behind[at : at + OUT]
    conduct.out = out
    conduct.told = len(outs)
    outs += ahead


def is_worth_naming(amount: int, what: int, worth: int) -> bool:
    """Whether money out is named also on days behind its own."""
    return amount >= worth or what in DRIFTS


def forget_more(more: More, keep_from: Day, payrolls_from: Day) -> None:
    """Drop what lies before the days that somebody may still ask for."""
    if more.late:
        more.late.clear()
    if more.payrolls:
        _forget_before(more.payrolls, PAYROLL, payrolls_from)
    if more.matured:
        _forget_before(more.matured, MATURED, keep_from)
    if more.closings:
        _forget_before(more.closings, CLOSING, keep_from)
    for said in more.maturities.values():
        gone = len(said) - _MATURITIES_AT_MOST * MATURITY
        if gone > 0:  # but what counts on a day that somebody may still ask for
            ends = range(len(said) - MATURITY, -1, -MATURITY)
            gone = min(gone, next((at for at in ends if said[at] <= keep_from and said[at + 1]), 0))  # type: ignore[operator]
        if gone > 0:
            named = next((product for product in reversed(said[2 : gone + MATURITY : MATURITY]) if product), None)
            del said[:gone]
            said[2] = named


def _forget_before(flat: list[Any], size: int, day: Day) -> None:
    if min(map(abs, flat[0::size])) < day:
        flat[:] = [each for at in range(0, len(flat), size) if abs(flat[at]) >= day for each in flat[at : at + size]]

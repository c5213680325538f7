"""What our decisions add to the log: one line each, behind the record that caused it.

Together with the records these lines are all that state is made of: replaying them asks no rule (a rebuild only
evolves). A `type` is fixed for ever; a new shape gets a new type. People's dates are ISO texts; inside a `Tier`, which
only the machine reads, a day is a proleptic ordinal.
"""

from typing import Any, Literal

import msgspec

from events.fields import MonthSum

Kind = Literal[
    "entered",
    "reentered",
    "upgraded",
    "downgraded",
    "lapsed",
    "exited",
    "watch_started",
    "watch_cleared",
    "special_granted",
    "special_ended",
    "restated",
]
AlertKind = Literal[
    "day_skipped",
    "balance_left_at_closing",
    "balance_differs",
    "brought_forward_not_next_month",
    "special_for_vip",
    "totals_differ",
    "id_in_two_places",
    "parked_at_close",
    "contact_without_consent",
]


class Cause(msgspec.Struct, frozen=True, gc=False):
    """The record behind a decision."""

    source: str
    event_id: str


class Tier(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Tier state of a customer (DOMAIN §4).

    watch: level reached (or None) in each month of the watch; until, shortened_by: of a special only, the latter the
    revocations that brought `until` forward.
    """

    state: str = "ordinary"
    level: str | None = None
    watch: tuple[str | None, ...] = ()
    below_entry: int = 0
    grace_left: int = 0
    until: int = 0
    shortened_by: tuple[Cause, ...] = ()


class SpecialAction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A grant (with level) or a revocation (level None) as it was taken: on which open day, in effect from which day."""

    open_day: int
    effective: int
    level: str | None
    until: int
    cause: Cause


class Standing(msgspec.Struct, frozen=True, gc=False):
    """State, level and until as a tier change shows them."""

    state: str
    level: str | None
    until: str | None


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type"):
    """A line of the log that no publisher sent."""


def _plain(value: Any) -> Any:
    """Builtins as JSON would give them back: lists for tuples."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


class TierChanged(Decision, frozen=True, tag="tier_changed"):
    """A tier change (CONTRACT §5) and the whole tier after it."""

    id: str
    sequence: int
    customer_id: str
    kind: Kind
    closed_month: str | None
    effective_date: str
    before: Standing
    after: Standing
    watch: int
    below_entry: int
    months: tuple[MonthSum, ...]
    policy_version: str
    decided_at: str
    cause: tuple[Cause, ...] | None
    tier: Tier

    def published(self) -> dict[str, Any]:
        """The tier change as subscribers see it."""
        fields: dict[str, Any] = _plain(msgspec.to_builtins(self))
        del fields["type"], fields["tier"]
        return fields


class TierMoved(Decision, frozen=True, tag="tier_moved"):
    """A counter moved or a special's end came nearer: no tier change."""

    customer_id: str
    decided_at: str
    policy_version: str
    tier: Tier


class TierRerun(Decision, frozen=True, tag="tier_rerun"):
    """The machine was run again over restated months: the timeline from the first of them, and where it ends."""

    customer_id: str
    decided_at: str
    from_month: str
    policy_version: str
    timeline: tuple[tuple[int, Tier], ...]
    tier: Tier


class RestatedMonth(msgspec.Struct, frozen=True, gc=False):
    """Sum of a customer's end-of-day balances of a closed month before and after a late record, minor units."""

    month: str
    before: int
    after: int


class MonthRestated(Decision, frozen=True, tag="month_restated"):
    """A late record on AUM in a closed month: the months whose sum it changed, perhaps none."""

    customer_id: str
    from_month: str
    months: tuple[RestatedMonth, ...]
    cause: Cause


class PostingReversed(Decision, frozen=True, tag="posting_reversed"):
    """What a reversal undoes: the legs with their changed sign, or the valuation of an account.

    record_type, occurred_on: type of the original and date of its occurred_at; "": of a release that did not say.
    """

    customer_id: str
    original: Cause
    reference: str
    value_date: str
    booked_on: str
    legs: tuple[tuple[str, int], ...]
    valuation_of: str | None
    cause: Cause
    record_type: str = ""
    occurred_on: str = ""


class LoanReversed(Decision, frozen=True, tag="loan_reversed"):
    """What the reversal of a disbursement or repayment undoes: amount is what the loan gains, legs what accounts do.

    happened_on: date of the original's `occurred_at`.
    """

    customer_id: str
    original: Cause
    reference: str
    value_date: str
    booked_on: str
    happened_on: str
    loan_id: str
    amount: int
    legs: tuple[tuple[str, int], ...]
    cause: Cause


class SpecialRecorded(Decision, frozen=True, tag="special_recorded"):
    """A grant or revocation was judged, whether or not it changed the tier."""

    customer_id: str
    action: SpecialAction


class CustomerErased(Decision, frozen=True, tag="customer_erased", omit_defaults=True):
    """From here on the customer is erased: the key is destroyed once this line is durable, never before.

    erased_on: date of the record behind it; reason: of whoever asked by hand, in clear: it names nobody.
    """

    customer_id: str
    erased_on: str
    cause: Cause
    reason: str | None = None


class AccountDaysKept(Decision, frozen=True, tag="account_days_kept"):
    """The first valuation of an account kept by month: from here on its days are kept (flat: day, delta, …)."""

    customer_id: str
    account_id: str
    days: tuple[int, ...]


class IntegrityAlerted(Decision, frozen=True, tag="integrity_alerted", omit_defaults=True):
    """Something does not add up. It changes nothing; someone should look."""

    kind: AlertKind
    customer_id: str | None = None
    account_id: str | None = None
    source: str | None = None
    event_id: str | None = None
    date: str | None = None
    expected: int | str | None = None
    actual: int | str | None = None


class TotalsCounted(Decision, frozen=True, tag="totals_counted"):
    """What this shard counted for the control totals of a close, and what the source stated for all shards."""

    source: str
    date: str
    count: int
    signed_sum: int
    stated_count: int
    stated_signed_sum: int


class RecordRefused(Decision, frozen=True, tag="record_refused", omit_defaults=True):
    """A record was refused. Its bytes are kept sealed; they never leave on a topic.

    sealed_for: the customer under whose key they are; none: the log's own, as nobody could be made out. Of a customer who
    is erased they are kept without personal fields, empty where they cannot be read.
    """

    reason: str
    detail: str
    original: str
    sealed_for: str | None = None
    field: str | None = None
    source: str | None = None
    event_id: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    file: str | None = None
    line: int | None = None

    def published(self, refused_at: str) -> dict[str, Any]:
        """The refusal as publishers see it (CONTRACT §2), without the original. refused_at: commit clock of its block."""
        return {
            "reason": self.reason,
            "field": self.field,
            "detail": self.detail,
            "source": self.source,
            "event_id": self.event_id,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "file": self.file,
            "line": self.line,
            "refused_at": refused_at,
        }


class InputReset(Decision, frozen=True, tag="input_reset"):
    """A person had an input read on from another offset: what was taken before is a duplicate when it comes again.

    stood, to: offset that was to be read next, before and after; topic_id: the broker's own id of the topic then; by: who.
    """

    topic: str
    partition: int
    stood: int
    to: int
    topic_id: str
    reason: str
    by: str


class RecordParked(Decision, frozen=True, tag="record_parked", omit_defaults=True):
    """Our own code failed on a record, or its customer is parked: it waits, in order, until the customer is unparked.

    original: its bytes, sealed under the customer's key; error, place: class of the error and place in our code, of the
    record that failed alone. customer_id: empty where not even the customer could be read; nobody waits behind it then.
    is_redacted: the customer is erased: kept without personal fields, under the log's own key.
    """

    customer_id: str
    original: str
    record_type: str | None = None
    source: str | None = None
    event_id: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    file: str | None = None
    line: int | None = None
    error: str | None = None
    place: str | None = None
    is_redacted: bool = False


class CustomerUnparked(Decision, frozen=True, tag="customer_unparked"):
    """A customer goes on: so many parked records are judged behind this line, in order, as if they came now."""

    customer_id: str
    records: int


class RecordRedriven(Decision, frozen=True, tag="record_redriven", omit_defaults=True):
    """A refused record was judged anew. log_line: of its refusal; refused: why once more, none if it no longer is."""

    log_line: int
    refused: str | None = None
    field: str | None = None


class CommandRefused(Decision, frozen=True, tag="command_refused"):
    """A command to the owner of the shard could not be done. number: the command's; why: for whoever asked."""

    number: int
    why: str


Step = Literal["raised", "claimed", "contacted", "retained", "lost", "no_need", "expired", "withdrawn"]
"""Steps in the life of a trigger (DOMAIN §5)."""


class TriggerMoved(Decision, frozen=True, tag="trigger_moved", omit_defaults=True):
    """A step in the life of a retention trigger (CONTRACT §5). Every step repeats evidence and words of the raise.

    sequence: gapless per customer over all its triggers; evidence: typed per code (``aggregates.triggers``), as builtins.
    """

    sequence: int
    customer_id: str
    code: str
    key: str
    step: Step
    business_date: str
    evidence: dict[str, Any]
    says: dict[str, str]
    policy_version: str
    manager_id: str | None = None
    cause: tuple[Cause, ...] | None = None

    @property
    def id(self) -> str:
        """Names the trigger: customer_id:code:key."""
        return f"{self.customer_id}:{self.code}:{self.key}"

    def published(self) -> dict[str, Any]:
        """The step as subscribers see it."""
        fields: dict[str, Any] = {
            "id": self.id,
            "sequence": self.sequence,
            "customer_id": self.customer_id,
            "code": self.code,
            "key": self.key,
            "step": self.step,
            "business_date": self.business_date,
            "evidence": self.evidence,
            "says": self.says,
            "policy_version": self.policy_version,
        }
        if self.manager_id is not None:
            fields["manager_id"] = self.manager_id
        if self.cause is not None:
            fields["cause"] = _plain(msgspec.to_builtins(self.cause))
        return fields


class TriggersActivated(Decision, frozen=True, tag="triggers_activated"):
    """Rules of triggers begin to fire from here on: old history raises nothing (laws of the log 4)."""

    codes: tuple[str, ...]


class PolicyActivated(Decision, frozen=True, tag="policy_activated"):
    """A policy version entered the log."""

    version: str
    policy: dict[str, Any]


class DayClosing(Decision, frozen=True, tag="day_closing"):
    """How far the close of a day came: all customers before `cursor` (in order of arrival) are done.

    Beyond the number of customers: so many of those whom it looks at for triggers are done, too.
    """

    date: str
    cursor: int


class DayClosed(Decision, frozen=True, tag="day_closed"):
    """The close of a day is complete."""

    date: str


TYPES: tuple[type[Decision], ...] = (
    TierChanged,
    TierMoved,
    TierRerun,
    MonthRestated,
    PostingReversed,
    LoanReversed,
    SpecialRecorded,
    CustomerErased,
    AccountDaysKept,
    IntegrityAlerted,
    TotalsCounted,
    RecordRefused,
    InputReset,
    RecordParked,
    CustomerUnparked,
    RecordRedriven,
    CommandRefused,
    TriggerMoved,
    TriggersActivated,
    PolicyActivated,
    DayClosing,
    DayClosed,
)

"""Customers brought forward: the tier state of before the log's first month (CONTRACT §1, DOMAIN §4)."""

from msgspec import UNSET

from aggregates.checks import refused_date
from aggregates.customer import Customer, tier_brought
from aggregates.dates import Day, days_in, iso_month, last_day, month_from, month_of
from aggregates.policy import Policy
from aggregates.postings import cause_of
from aggregates.shard import Shard
from aggregates.verdict import NOTHING, Outcome
from events.codec import DAYS
from events.decisions import Cause, IntegrityAlerted, Tier
from events.fields import Record
from events.refusals import Refusal
from events.transactions import CustomerBroughtForward


def take_brought(shard: Shard, r: CustomerBroughtForward, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a customer brought forward, or refuse it: only first, while F is open, in a state that can be."""
    customer = shard.customers.get(r.customer_id)
    day = DAYS[r.value_date]
    refusal = refused_date(r, day) or _refused_state(shard, r, day)
    asked = customer is not None and customer.story is not None and customer.story.asked_special
    if not refusal and customer is not None and (customer.has_transactions or asked):
        refusal = Refusal("not_first_record", "other records of the customer were taken before", "customer_id")
    if not refusal and shard.last_closed:
        first = iso_month(shard.first_month)
        refusal = Refusal("value_date_too_old", f"the first month, {first}, is closed", "value_date")
    if refusal:
        return refusal
    shard.evolve(r)
    if shard.first_month and month_of(day) + 1 != shard.first_month:
        return [brought_alert(shard, r.customer_id, r.value_date, cause_of(r))]
    return NOTHING


def brought_alert(shard: Shard, customer_id: str, value_date: str, cause: Cause) -> IntegrityAlerted:
    """The month behind a brought-forward state is not the log's first (CONTRACT §1)."""
    return IntegrityAlerted(
        kind="brought_forward_not_next_month",
        customer_id=customer_id,
        source=cause.source,
        event_id=cause.event_id,
        date=value_date,
        expected=iso_month(shard.first_month),
        actual=iso_month(month_from(value_date) + 1),
    )


def _refused_state(shard: Shard, r: CustomerBroughtForward, day: Day) -> Refusal | None:
    """A state that the machine of DOMAIN §4 cannot be in, or a day that ends no month."""
    policy = shard.policies.at(month_of(day) + 1)
    tier = tier_brought(r)
    if day != last_day(month_of(day)):
        return Refusal("bad_value", "must be the last day of a month", "value_date")
    on_level = r.state in ("vip", "special")
    if on_level and tier.level not in policy.codes:
        return Refusal("bad_value", f"{tier.level!r} is no level of the ladder", "level")
    allowed = {"vip": {"level", "watch", "below_entry"}, "lapsed": {"grace_left"}, "special": {"level", "until"}}
    for field in ("level", "watch", "below_entry", "grace_left", "until"):
        given = getattr(r, field)
        if given is not UNSET and given and field not in allowed.get(r.state, set()):
            return Refusal("bad_value", f"does not go with state {r.state}", field)
    if r.state == "special" and not tier.until:
        return Refusal("missing_field", "missing for state special", "until")
    if r.state == "special" and tier.until <= day:
        return Refusal("bad_value", "the special ended before the log begins", "until")
    if r.state == "lapsed" and not 1 <= tier.grace_left <= policy.grace_months:
        return Refusal("bad_value", f"wants 1 to {policy.grace_months} for state lapsed", "grace_left")
    if tier.below_entry >= policy.exit_months:
        return Refusal("bad_value", f"with {policy.exit_months} months the customer has lapsed", "below_entry")
    return _refused_watch(policy, tier) or _refused_months(r)


def _refused_watch(policy: Policy, tier: Tier) -> Refusal | None:
    if not tier.watch:
        return None
    own = policy.rank(tier.level or "")
    if own == 0:
        return Refusal("bad_value", "the lowest level has no watch", "watch")
    if len(tier.watch) >= policy.watch_months:
        return Refusal("bad_value", f"after {policy.watch_months} months the customer was downgraded", "watch")
    for code in tier.watch:
        if code is not None and (code not in policy.codes or policy.rank(code) >= own):
            return Refusal("bad_value", f"{code!r} is not a level below {tier.level!r}", "watch")
    below = next((at for at, code in enumerate(reversed(tier.watch)) if code is not None), len(tier.watch))
    if tier.below_entry < below or (below < len(tier.watch) and tier.below_entry != below):
        return Refusal("bad_value", f"the watch ends with {below} months below the entry threshold", "below_entry")
    return None


def _refused_months(r: CustomerBroughtForward) -> Refusal | None:
    last = month_from(r.value_date)
    if len({each.month for each in r.months}) < len(r.months):
        return Refusal("bad_value", "a month stands twice", "months.month")
    for each in r.months:
        month = month_from(each.month)
        if month > last:
            return Refusal("bad_value", f"{each.month} is later than the value date", "months.month")
        if each.days != days_in(month):
            return Refusal("bad_value", f"{each.month} has {days_in(month)} days", "months.days")
    return None

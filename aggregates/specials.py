"""Special VIPs: grants and revocations (DOMAIN §4, special)."""

from aggregates.checks import refused_date
from aggregates.customer import Customer
from aggregates.dates import Day, iso
from aggregates.postings import cause_of
from aggregates.shard import Shard
from aggregates.tier_change import change
from aggregates.tiers import act, grant, revocation
from aggregates.verdict import NOTHING, Outcome
from events.codec import DAYS
from events.customers import SpecialVipGranted, SpecialVipRevoked
from events.decisions import Cause, Decision, IntegrityAlerted, SpecialRecorded, TierMoved
from events.fields import Record
from events.refusals import Refusal


def take_grant(shard: Shard, r: SpecialVipGranted, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a grant of a special VIP, or refuse it; before the first close it waits to be judged."""
    day = DAYS[r.value_date]
    refusal = refused_date(r, day)
    known = [shard.policy] if shard.closed_through else list(shard.policies)
    if not refusal and not any(r.level in policy.codes for policy in known):
        refusal = Refusal("bad_value", f"{r.level!r} is no level of the ladder", "level")
    if not refusal:
        until = grant(r.level, day, day, shard.policy.special_years, cause_of(r)).until
        if until <= shard.closed_through:
            refusal = Refusal("value_date_too_old", f"the grant ended on {iso(until)}, a closed day", "value_date")
    if refusal:
        return refusal
    shard.evolve(r)
    return judge_special(shard, r.customer_id, r.level, day, cause_of(r)) if shard.closed_through else NOTHING


def take_revocation(shard: Shard, r: SpecialVipRevoked, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a revocation; before the first close it waits to be judged."""
    day = DAYS[r.value_date]
    refusal = refused_date(r, day)
    if refusal:
        return refusal
    shard.evolve(r)
    return judge_special(shard, r.customer_id, None, day, cause_of(r)) if shard.closed_through else NOTHING


def judge_special(shard: Shard, customer_id: str, level: str | None, day: Day, cause: Cause) -> list[Decision]:
    """Decide a grant (level) or a revocation (level None) on the open day; evolves (DOMAIN §4, special)."""
    customer = shard.customers.ensure(customer_id)
    open_day, policy = shard.open_day, shard.policy
    years = policy.special_years
    action = revocation(day, open_day, cause) if level is None else grant(level, day, open_day, years, cause)
    before = customer.tier
    decisions: list[Decision] = [SpecialRecorded(customer_id=customer_id, action=action)]
    shard.evolve(decisions[0])
    after = act(before, action)
    if level is not None and before.state == "vip":
        decisions.append(
            IntegrityAlerted(
                kind="special_for_vip",
                customer_id=customer_id,
                source=cause.source,
                event_id=cause.event_id,
                date=iso(open_day),
            )
        )
    elif level is not None:
        decisions.append(
            change(
                customer,
                "special_granted",
                after,
                effective=action.effective,
                decided=open_day,
                version=policy.version,
                cause=(cause,),
            )
        )
    elif after != before:
        decisions.append(
            TierMoved(customer_id=customer_id, decided_at=iso(open_day), policy_version=policy.version, tier=after)
        )
    for decision in decisions[1:]:
        shard.evolve(decision)
    return decisions

"""Taking a policy version into the log, or refusing it (DOMAIN §4: policy is data, in versions)."""

import msgspec

from aggregates.dates import first_day, iso, iso_month
from aggregates.policy import Policy, PolicyRefused
from aggregates.shard import Shard
from events.decisions import PolicyActivated


def activation(shard: Shard, policy: Policy) -> PolicyActivated | None:
    """The line that takes a version into the log; None if the log has it. Raises PolicyRefused.

    Refused: the same version with other content; another currency; a beginning in a month that is closed; a level code
    dropped while a customer holds it.
    """
    known = shard.policies.named(policy.version)
    if known is not None:
        if known == policy:
            return None
        raise PolicyRefused(f"version {policy.version!r} is in the log with other content; give it another version")
    if len(shard.policies):
        _check(shard, policy)
    return PolicyActivated(version=policy.version, policy=msgspec.to_builtins(policy))


def _check(shard: Shard, policy: Policy) -> None:
    if policy.currency != shard.currency:
        raise PolicyRefused(f"currency is {policy.currency}, the log's is {shard.currency}; a log has one currency")
    if shard.last_closed and (policy.valid_from or 0) <= first_day(shard.last_closed):
        begins = "always" if policy.valid_from is None else iso(policy.valid_from)
        raise PolicyRefused(
            f"valid from {begins}, but {iso_month(shard.last_closed)} is closed; "
            f"give valid_from = {iso(first_day(shard.last_closed + 1))} or later"
        )
    dropped = {code for version in shard.policies for code in version.codes} - set(policy.codes)
    for asked in shard.asked:
        if asked.level in dropped:
            raise PolicyRefused(
                f"level {asked.level!r} is missing, a grant to customer {asked.customer_id!r} waits for it; keep the level"
            )
    if dropped:
        held = next((c for c in shard.customers if c.tier.level in dropped), None)
        if held is not None:
            raise PolicyRefused(f"level {held.tier.level!r} is missing, customer {held.id!r} holds it; keep the level")

"""What ends the triggers of a customer whatever their rules say: the erasure (DOMAIN §7)."""

from typing import TYPE_CHECKING

from aggregates.triggers.life import step_of
from events.decisions import Cause, Decision

if TYPE_CHECKING:
    from aggregates.shard import Shard


def withdraw_all(shard: "Shard", customer_id: str, cause: Cause) -> list[Decision]:
    """Withdraw every open trigger of a customer on the open day, in the order of raising. Evolves as it goes.

    Nobody may contact who is erased, so no claim, contact or outcome can come any more. Before the first close nothing is
    raised, and so there is nothing to withdraw.
    """
    customer = shard.customers.get(customer_id)
    life = None if customer is None else customer.life
    decisions: list[Decision] = []
    if customer is None or life is None:
        return decisions
    for of in list(life.open):
        version = shard.terms_at(shard.open_day).version
        decisions.append(step_of(customer, of, "withdrawn", shard.open_day, version, cause=(cause,)))
        shard.evolve(decisions[-1])
    return decisions

"""Master data of customers: registration, updates, managers, consents, erasure (CONTRACT §1, `bank.customers.v1`).

All of it is taken as it comes: the publishing system is the authority on who a customer is. Only of an erased customer
nothing is taken any more but money (DOMAIN §7).
"""

from collections.abc import Callable
from typing import Any, Final

from aggregates.customer import Customer
from aggregates.dates import iso
from aggregates.postings import cause_of
from aggregates.shard import Shard
from aggregates.triggers.ending import withdraw_all
from aggregates.verdict import NOTHING, Outcome
from events.customers import ConsentChanged, CustomerRegistered, CustomerUpdated, ErasureRequested, ManagerAssigned
from events.decisions import CustomerErased
from events.fields import Record
from events.refusals import Refusal

MASTER_DATA: Final = (CustomerRegistered, CustomerUpdated, ManagerAssigned, ConsentChanged)
"""Records that say who a customer is."""

Take = Callable[[Shard, Any, Record | None, Customer | None], Outcome]


def unless_erased(take: Take) -> Take:
    """The judge of a record that is not taken of an erased customer: `customer_erased`, whatever else speaks against it."""

    def judge(shard: Shard, r: Any, original: Record | None, history: Customer | None) -> Outcome:
        erased_on = shard.erased.get(r.customer_id)
        if erased_on is not None:
            return Refusal("customer_erased", f"the customer was erased on {iso(erased_on)}", "customer_id")
        return take(shard, r, original, history)

    return judge


def take_master_data(shard: Shard, r: Record, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a record of who a customer is."""
    shard.evolve(r)
    return NOTHING


def take_erasure(shard: Shard, r: ErasureRequested, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a request to erase a customer, known or not, and withdraw what stands; asked again it decides nothing more."""
    shard.evolve(r)
    if r.customer_id in shard.erased:
        return NOTHING
    decision = CustomerErased(customer_id=r.customer_id, erased_on=r.occurred_at[:10], cause=cause_of(r))
    shard.evolve(decision)
    return [decision, *withdraw_all(shard, r.customer_id, cause_of(r))]

"""Master data of customers: registration, updates, managers, consents (CONTRACT §1, `bank.customers.v1`).

All of it is taken as it comes: the publishing system is the authority on who a customer is.
"""

from aggregates.customer import Customer
from aggregates.shard import Shard
from aggregates.verdict import NOTHING, Outcome
from events.customers import ConsentChanged, CustomerRegistered, CustomerUpdated, ManagerAssigned
from events.fields import Record

MasterData = CustomerRegistered | CustomerUpdated | ManagerAssigned | ConsentChanged


def take_master_data(shard: Shard, r: MasterData, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a record of who a customer is."""
    shard.evolve(r)
    return NOTHING

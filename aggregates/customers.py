"""All customers of a shard, warm or cold."""

from collections.abc import Iterator

from aggregates.customer import Customer
from aggregates.packing import thaw


class Customers:
    """Customers by id in order of arrival, each an object or, when cold, its frozen bytes."""

    def __init__(self) -> None:
        self.all: dict[str, Customer | bytes] = {}

    def __len__(self) -> int:
        return len(self.all)

    def get(self, customer_id: str) -> Customer | None:
        """The customer, unpacked if it was cold; None if there is none."""
        found = self.all.get(customer_id)
        if found.__class__ is bytes:
            found = self.all[customer_id] = thaw(found)
        return found  # type: ignore[return-value]

    def ensure(self, customer_id: str) -> Customer:
        """The customer, begun if there is none."""
        found = self.all.get(customer_id)
        if found.__class__ is Customer:
            return found
        made = Customer(customer_id, len(self.all), {}) if found is None else thaw(found)  # type: ignore[arg-type]
        self.all[customer_id] = made
        return made

    def __iter__(self) -> Iterator[Customer]:
        """Every customer in order of arrival; cold ones are unpacked for the look and stay cold."""
        for found in self.all.values():
            yield thaw(found) if isinstance(found, bytes) else found

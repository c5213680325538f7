"""A batch of what a partition holds, on its way in: what the broker's key and topic say against a record (CONTRACT §1)."""

from collections.abc import Collection, Sequence
from typing import Any

from events.calendar import BusinessDayClosed
from events.catalog import TOPIC_OF, type_name
from events.fields import CustomerRecord, Record
from events.refusals import Refusal
from processors.partition import are_in, partition_of


class Messages:
    """Consecutive messages of one partition; offsets may have gaps. end: the offset behind the last; partitions: of the topic."""

    def __init__(
        self,
        topic: str,
        partition: int,
        partitions: int,
        offsets: Sequence[int],
        end: int,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
    ) -> None:
        self.topic, self.partition, self.partitions = topic, partition, partitions
        self.places = [*offsets, end]
        self.keys, self.values = keys, values

    def part(self, start: int, end: int) -> "Messages":
        """Those from `start` up to `end`, by place."""
        places, keys, values = self.places, self.keys[start:end], self.values[start:end]
        return Messages(self.topic, self.partition, self.partitions, places[start:end], places[end], keys, values)

    def lines(self) -> tuple[bytes, list[bytes]]:
        """The values as lines ending in a newline each, together and without it; what is no single line is empty."""
        try:
            data = b"\n".join((*self.values, b""))  # type: ignore[arg-type]  # None is looked for only where it is found
        except TypeError:
            data = b""
        if data.count(b"\n") == len(self.values):
            return data, list(self.values)  # type: ignore[arg-type]
        lines = [value if value and b"\n" not in value else b"" for value in self.values]
        return b"\n".join((*lines, b"")), lines

    def refused(self, records: Sequence[Any], lines: list[bytes], known: Collection[str]) -> dict[int, Refusal]:
        """Place in the batch -> why it cannot be taken, of what is not wrong in itself but does not belong here.

        records, lines: as decoded from ``lines``; a line that was left empty there gets its value. known: customers whose
        partition was looked at before.
        """
        try:
            ids = [record.customer_id for record in records]
            types = set(map(type, records))
            keys = b"\0".join(self.keys)  # type: ignore[arg-type]  # None is looked for only where it is found
        except (AttributeError, TypeError):  # closes, refusals, blanks or missing keys among them
            return self._looked_at(records, lines, known)
        if (
            keys == "\0".join(ids).encode()
            and keys.count(b"\0") == len(ids) - 1  # none within an id
            and all(TOPIC_OF[type_name(each)] == self.topic for each in types)
            and are_in(set(ids).difference(known), self.partition, self.partitions)
        ):
            return {}
        return self._looked_at(records, lines, known)

    def _looked_at(self, records: Sequence[Any], lines: list[bytes], known: Collection[str]) -> dict[int, Refusal]:
        found: dict[int, Refusal] = {}
        for at, record in enumerate(records):
            value = self.values[at]
            if record is None:  # an empty line
                lines[at] = value or b""
                found[at] = Refusal("not_json", "no value" if value is None else "not one line of JSON")
            elif isinstance(record, Record) and (refusal := self._against(record, self.keys[at], known)) is not None:
                found[at] = refusal
        return found

    def _against(self, record: Record, key: bytes | None, known: Collection[str]) -> Refusal | None:
        who = {"source": record.source, "event_id": record.event_id}
        name = type_name(type(record))
        if isinstance(record, BusinessDayClosed) or TOPIC_OF[name] != self.topic:
            return Refusal("unknown_type", f"{name} belongs on {TOPIC_OF[name]}", "type", **who)
        assert isinstance(record, CustomerRecord)  # only a close names no customer
        customer_id = record.customer_id
        if key != customer_id.encode():
            said = "there is no key" if key is None else "the key is another one"
            return Refusal("key_mismatch", f"{said}; publish under the customer_id", "customer_id", **who)
        if customer_id not in known and (right := partition_of(customer_id, self.partitions)) != self.partition:
            detail = f"published in partition {self.partition}, not {right}; use the partitioner murmur2"
            return Refusal("key_mismatch", detail, "customer_id", **who)
        return None

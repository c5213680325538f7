"""What of ``bank.calendar.v1`` is a close of a business day, and whether a shard has closed that day before (DOMAIN §2)."""

from msgspec import UNSET

from aggregates.shard import Shard
from events import codec
from events.calendar import BusinessDayClosed
from events.catalog import CALENDAR, TOPIC_OF, type_name
from events.refusals import Refusal


def close_in(value: bytes | None) -> BusinessDayClosed | None:
    """The close that a value holds; None for anything else, also for a close that is not well formed."""
    found = looked_at(value)
    return found if isinstance(found, BusinessDayClosed) else None


def looked_at(value: bytes | None) -> BusinessDayClosed | Refusal:
    """The close that a value of the calendar holds, or why it is refused: one line, nothing but a close."""
    if not value or b"\n" in value:
        return Refusal("not_json", "not one line of JSON" if value else "no value")
    found = codec.decode(value)
    if isinstance(found, Refusal):
        return found
    who = {"source": found.source, "event_id": found.event_id}
    if found.sealed is not UNSET:
        return Refusal("unknown_field", "this type has no such field", "sealed", **who)
    if isinstance(found, BusinessDayClosed):
        return found
    name = type_name(type(found))
    return Refusal("unknown_type", f"{name} belongs on {TOPIC_OF[name]}, not on {CALENDAR}", "type", **who)


def is_closed(shard: Shard, close: BusinessDayClosed) -> bool:
    """Whether the shard took a close of this source and date before, with this content or with other."""
    return close.date in shard.calendar.closes.get(close.source, ())

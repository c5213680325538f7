"""Records of topic ``bank.calendar.v1``: time is an event (CONTRACT §1, DOMAIN §2)."""

from msgspec import UNSET, UnsetType

from events.fields import Date, Record, Totals


class BusinessDayClosed(Record, frozen=True, tag="business_day_closed"):
    """The day is over for this source: published after every posting of that day is acknowledged."""

    date: Date
    working_day: bool | UnsetType = UNSET
    totals: Totals | UnsetType = UNSET


TYPES = (BusinessDayClosed,)

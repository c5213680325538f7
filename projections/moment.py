"""When is asked about? A business date, and how much of the log counts (DOMAIN §4, As of)."""

from datetime import datetime

import msgspec

from aggregates.dates import Day
from projections.blocks import Known

KnownAt = datetime | int
"""A moment of the commit clock, or the number of a block."""


class Moment(msgspec.Struct, frozen=True):
    """as_of: the business date, 0 for the newest state; known: what the log knew then, or all that it knows now.

    shards: the same moment in each shard of a log that has several, by number; then `known` is of all of them together.
    """

    as_of: Day
    known: Known
    is_all_known: bool
    shards: tuple["Moment", ...] = ()

    @property
    def is_now(self) -> bool:
        """Whether nothing earlier is asked about than what the views hold."""
        return self.is_all_known and not self.as_of


class NothingKnown(ValueError):
    """The log knows nothing of what is asked about: it begins later. The message says what, and with what it begins."""

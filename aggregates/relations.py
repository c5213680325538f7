"""What is known of a customer besides money: contacts, complaints, ratings, campaigns, enquiries, identity checks.

Most customers have few of these and many none at all: a customer without any has no ``Relations``. What a screen wants
of the past is the last of each kind; what triggers want is what was taken in the last hundred days (``KEPT_DAYS``).
"""

import msgspec

from aggregates.dates import Day
from aggregates.instants import instant
from events.codec import DAYS
from events.decisions import Cause

KEPT_DAYS = 100
"""For so many days behind the closed days what triggers rest on is kept after it was taken: they are tested again."""
CAMPAIGNS_KEPT = ENQUIRIES_KEPT = 20


class Contact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A contact. at: `occurred_at`; how: the channel, or what it was; by: who of the bank, or which campaign; "": not said."""

    at: str
    how: str
    by: str = ""


class Complaint(msgspec.Struct, array_like=True, gc=False):
    """A complaint. filed_on, resolved_on: dates of `occurred_at`, the latter 0 while open; settled: open day of that."""

    complaint_id: str
    severity: int
    filed_on: Day
    cause: Cause
    resolved_on: Day = 0
    outcome: str = ""
    settled: Day = 0


class Rating(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A satisfaction, 1 to 5. at: `occurred_at`; taken: the open day it was taken on."""

    at: str
    score: int
    about: str
    cause: Cause
    taken: Day

    @property
    def day(self) -> Day:
        """Date of `occurred_at`."""
        return DAYS[self.at[:10]]


class CreditSign(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A sign of credit trouble that a manager reported. day: date of `occurred_at`; taken: the open day it was taken on."""

    day: Day
    sign: str
    manager_id: str
    cause: Cause
    taken: Day


class Campaign(msgspec.Struct, array_like=True, gc=False):
    """The last contact and the last response of a campaign; dates of `occurred_at`, 0: none."""

    contacted_on: Day = 0
    responded_on: Day = 0
    response: str = ""


class Enquiry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A product that the customer asked about. day: date of `occurred_at`; product: "" if it was not said."""

    day: Day
    category: str
    product: str


class Identity(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An identity check: by whom, how, when (`occurred_at`) and for how many minutes it holds."""

    operator: str
    method: str
    at: str
    valid_minutes: int

    @property
    def until(self) -> int:
        """The second from which it holds no more (``aggregates.instants``)."""
        return instant(self.at) + self.valid_minutes * 60

    def is_valid(self, moment: int) -> bool:
        """Whether it holds at a second: asked again, the customer need not be verified again."""
        return instant(self.at) <= moment < self.until


class Relations(msgspec.Struct, array_like=True, gc=False):
    """See the module.

    last_in, last_out: the latest contact by `occurred_at` that came from the customer and from the bank; channels: how
    many came in and went out by each; complaints: in log order, open ones and those settled a short while ago; ratings,
    signs: in log order, of a short while, and the latest rating; campaigns, enquiries: the last ones; identity: of all
    checks the one that holds longest; filed: how many complaints there ever were.
    """

    last_in: Contact | None = None
    last_out: Contact | None = None
    channels: dict[str, list[int]] = {}
    complaints: list[Complaint] = []
    ratings: list[Rating] = []
    signs: list[CreditSign] = []
    campaigns: dict[str, Campaign] = {}
    enquiries: list[Enquiry] = []
    identity: Identity | None = None
    filed: int = 0

    def complaint(self, complaint_id: str, closed_through: Day) -> Complaint | None:
        """The complaint of an id that is open or was settled a short while ago."""
        found = (each for each in self.complaints if each.complaint_id == complaint_id)
        return next((each for each in found if not is_past(each.settled, closed_through)), None)

    def last_rating(self) -> Rating | None:
        """The latest rating by `occurred_at`; of equal ones that taken last."""
        return max(reversed(self.ratings), key=lambda each: instant(each.at), default=None)

    def open_complaints(self) -> list[Complaint]:
        """Complaints that are not resolved, in log order."""
        return [each for each in self.complaints if not each.resolved_on]


def is_past(taken: Day, closed_through: Day) -> bool:
    """Whether what was taken on an open day (0: still counts) is no longer kept for triggers."""
    return 0 < taken <= closed_through - KEPT_DAYS

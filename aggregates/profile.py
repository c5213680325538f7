"""Who a customer is to the bank: registration, branch, customer manager, consents (DOMAIN §1, §4, §7).

Nothing personal is in here: names, numbers and phones stay sealed in the records of the log.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from aggregates.dates import Day
from events.codec import DAYS
from events.customers import ConsentChanged, CustomerRegistered, CustomerUpdated, ManagerAssigned
from events.decisions import CustomerErased
from events.fields import Record

MARKETING: Final = "marketing"
"""The purpose that a customer has to have consented to before a campaign may reach out."""


class Managed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From a day on this manager looks after the customer; None: nobody does."""

    since: Day
    manager_id: str | None
    branch: str | None = None


class Placed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From a day on the customer is registered at this branch."""

    since: Day
    branch: str


class Consent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a customer said last of a purpose, and on which day."""

    granted: bool
    since: Day


class Profile(msgspec.Struct, array_like=True, gc=False):
    """What is known of who a customer is. Days are dates of `occurred_at`; 0: not yet.

    branches: where the customer was registered, managers: all there were; both in the order the log learnt of them, the last
    one stands; consents: by purpose; erased_on: the day of the erasure.
    """

    registered_on: Day = 0
    branches: list[Placed] = []
    managers: list[Managed] = []
    consents: dict[str, Consent] = {}
    erased_on: Day = 0

    @property
    def branch(self) -> str | None:
        """Where the customer is registered; None: nobody said."""
        return self.branches[-1].branch if self.branches else None

    @property
    def managed(self) -> Managed | None:
        """Who looks after the customer and since when; None: nobody."""
        last = self.managers[-1] if self.managers else None
        return last if last is not None and last.manager_id is not None else None


def consented(profile: Profile | None, purpose: str = MARKETING) -> bool:
    """Whether the customer's last word on a purpose is yes. Who never said anything did not consent."""
    found = None if profile is None else profile.consents.get(purpose)
    return found is not None and found.granted


def end_management(profile: Profile | None, day: Day) -> None:
    """Evolve: the relation with the manager ends on a day, if there is one (DOMAIN §4, lapsed)."""
    if profile is not None and profile.managed is not None:
        profile.managers.append(Managed(day, None))


# ------------------------------------------------------------------------------------------------------ evolve


def _registered(profile: Profile, r: CustomerRegistered) -> None:
    profile.registered_on = profile.registered_on or _day_of(r)
    _updated(profile, r)


def _updated(profile: Profile, r: CustomerRegistered | CustomerUpdated) -> None:
    if r.branch is UNSET:
        return
    known, day = profile.branches[-1] if profile.branches else None, _day_of(r)
    if known is None or known.branch != r.branch or day < known.since:
        profile.branches.append(Placed(day, r.branch))


def _assigned(profile: Profile, r: ManagerAssigned) -> None:
    profile.managers.append(Managed(_day_of(r), r.manager_id, None if r.branch is UNSET else r.branch))


def _consented(profile: Profile, r: ConsentChanged) -> None:
    known = profile.consents.get(r.purpose)
    if known is None or known.granted != r.granted:
        profile.consents[r.purpose] = Consent(r.granted, _day_of(r))


def _erased(profile: Profile, line: CustomerErased) -> None:
    profile.erased_on = DAYS[line.erased_on]


def _day_of(r: Record) -> Day:
    return DAYS[r.occurred_at[:10]]


EVOLVE: Final[dict[type[Any], Callable[[Profile, Any], None]]] = {
    CustomerRegistered: _registered,
    CustomerUpdated: _updated,
    ManagerAssigned: _assigned,
    ConsentChanged: _consented,
    CustomerErased: _erased,
}
"""Lines that say who a customer is, and what each changes."""

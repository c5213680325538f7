"""Whom the close of a day looks at for triggers."""

from typing import NamedTuple

from aggregates.dates import Day
from aggregates.triggers.seen import Seen


class Sifted(NamedTuple):
    """Customers of a close.

    looked: at whom it looks, and what it asks (``aggregates.triggers.duty``); spent: who only spent money, which is no news;
    rest: new bounds of some of them (``Rule.follows``);
    early: of whom nothing is due after all; views: kept.
    """

    day: Day
    looked: dict[str, int]
    spent: list[str]
    rest: dict[str, tuple[int | None, ...]]
    early: list[str]
    views: dict[str, Seen]

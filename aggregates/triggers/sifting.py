"""Whom the close of a day looks at for triggers."""

from typing import NamedTuple

from aggregates.dates import Day
from aggregates.triggers.seen import Seen


class Sifted(NamedTuple):
    """Customers of a close. looked: at whom it looks, by what happened to them; spent: who only spent money; views: kept."""

    day: Day
    looked: dict[str, int]
    spent: list[str]
    views: dict[str, Seen]

"""Which end-of-day balances of the Berka data are certain.

Every transaction carries the bank's own balance after it, but the transactions of one day stand in no reliable order,
so the balance of the last row need not be the day's last balance. It is found by logic: the day's transactions must
form a chain from the end of the account's day before, each balance the one before it plus the amount. A day's end
is certain when all chains through all its transactions end in one balance. Chains without a miss count first.

Amounts and balances were published rounded to 0.10 CZK, each on its own, so that some steps (mostly interest) miss by
0.10. Where no exact chain exists, steps may miss by that much. From then on the bank's balances differ from the sum of
the published amounts by a few hellers for ever: they are certain, but no statement about our sum. They are reported
with the rounding carried, and stated only on request. (What is left to differ then is lost, doubled or wrongly signed
money, which is what a stated balance is there to show.)

A day that no chain explains has a gap: a row is missing or was unreadable. Its end is unknown; so is that of the days
after it until one chains from a balance seen on the day with the gap.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ROUNDING_STEP_MINOR: Final = 10
"""The data are published to 0.10 CZK: the most by which a single step may miss."""

ROWS_AT_MOST: Final = 14
"""Chains through more rows of one day are not searched; the day is ambiguous."""


class DayEnd(StrEnum):
    """What is known of the end of an account-day with transactions."""

    CERTAIN = "certain"
    ROUNDED = "rounded"  # certain, but off the sum of the amounts by rounding in the data
    AMBIGUOUS = "ambiguous"  # several balances are possible
    GAP = "gap"  # no chain explains the day: a row is missing
    UNREADABLE = "unreadable"  # a row of the day could not be read


@dataclass(frozen=True, slots=True)
class Movement:
    """A transaction as the bank saw it: the signed amount and its balance after it, minor units."""

    amount_minor: int
    balance_minor: int


class EndOfDay:
    """The possible end-of-day balances of every account, from day to day."""

    def __init__(self, counts: dict[DayEnd, int]) -> None:
        """Start with no account; `counts` gets one for every account-day closed."""
        self._counts = counts
        # Per account: possible balance -> rounding carried in it (balance − sum of the published amounts).
        self._possible: dict[str, dict[int, int]] = {}
        self._today: dict[str, list[Movement]] = {}
        self._unreadable: set[str] = set()

    def open(self, account_id: str) -> None:
        """An account begins with a balance of 0."""
        self._possible[account_id] = {0: 0}

    def move(self, account_id: str, movement: Movement) -> None:
        """One transaction of today."""
        self._today.setdefault(account_id, []).append(movement)

    def unreadable(self, account_id: str) -> None:
        """A row of today that could not be read; of no matter while the account is not open."""
        if account_id in self._possible:
            self._today.setdefault(account_id, [])
            self._unreadable.add(account_id)

    def close(self) -> Iterator[tuple[str, int, int]]:
        """End the day: (account, end-of-day balance, rounding carried) where certain, in order of first movement."""
        for account_id, movements in self._today.items():
            before = self._possible[account_id]
            after, known = self._after(before, movements, account_id in self._unreadable)
            self._possible[account_id] = after
            self._counts[known] += 1
            if known in (DayEnd.CERTAIN, DayEnd.ROUNDED):
                ((balance_minor, rounding_minor),) = after.items()
                yield account_id, balance_minor, rounding_minor
        self._today.clear()
        self._unreadable.clear()

    @staticmethod
    def _after(before: dict[int, int], movements: list[Movement], unreadable: bool) -> tuple[dict[int, int], DayEnd]:
        # After a gap any balance seen may have been the last; the rounding carried so far is the best known.
        carried = min(before.values(), key=abs)
        anywhere = {movement.balance_minor: carried for movement in movements} or before
        if unreadable:
            return anywhere, DayEnd.UNREADABLE
        if len(movements) > ROWS_AT_MOST:
            return anywhere, DayEnd.AMBIGUOUS
        for miss_minor in (0, ROUNDING_STEP_MINOR):
            after = _ends(before, movements, miss_minor)
            if len(after) == 1:
                return after, DayEnd.ROUNDED if any(after.values()) else DayEnd.CERTAIN
            if after:
                return after, DayEnd.AMBIGUOUS
        return anywhere, DayEnd.GAP


def _ends(before: dict[int, int], movements: list[Movement], miss_minor: int) -> dict[int, int]:
    """Every balance in which a chain through all movements can end, with the rounding carried there.

    miss_minor: the most by which a step may miss. Of several roundings to one end the smallest is kept.
    """
    day_sum_minor = sum(movement.amount_minor for movement in movements)
    everything = (1 << len(movements)) - 1
    ends: dict[int, int] = {}
    for start_minor, carried_minor in before.items():
        seen = {(0, start_minor)}
        open_ends = [(0, start_minor)]
        while open_ends:
            done, balance_minor = open_ends.pop()
            if done == everything:
                rounding = carried_minor + balance_minor - start_minor - day_sum_minor
                if balance_minor not in ends or abs(rounding) < abs(ends[balance_minor]):
                    ends[balance_minor] = rounding
                continue
            for position, movement in enumerate(movements):
                step = (done | 1 << position, movement.balance_minor)
                misses = abs(balance_minor + movement.amount_minor - movement.balance_minor)
                if not done >> position & 1 and misses <= miss_minor and step not in seen:
                    seen.add(step)
                    open_ends.append(step)
    return ends

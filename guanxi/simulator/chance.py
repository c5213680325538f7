"""Chance that is the same on every machine: whole numbers from the bits of a seeded Mersenne Twister."""

from collections.abc import Sequence
from random import Random
from struct import unpack
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """Draws in one fixed order; integers only, so that no rounding differs between machines or versions."""

    __slots__ = ("bits",)

    def __init__(self, seed: int) -> None:
        """Start from a seed."""
        self.bits = Random(seed).getrandbits

    def below(self, n: int) -> int:
        """0 … n-1."""
        return self.bits(32) * n >> 32

    def between(self, low: int, high: int) -> int:
        """From `low` to `high`, both included."""
        return low + (self.bits(32) * (high - low + 1) >> 32)

    def hits(self, permille: int) -> bool:
        """True in `permille` of a thousand draws."""
        return self.bits(32) * 1000 >> 32 < permille

    def words(self, n: int) -> tuple[int, ...]:
        """So many numbers of 32 bits, drawn at once: several times as fast as one by one."""
        return unpack(f"<{n}I", self.bits(32 * n).to_bytes(4 * n, "little")) if n else ()

    def one(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[self.bits(32) * len(items) >> 32]

    def shares(self, weights: Sequence[int]) -> int:
        """A position, with the given weights."""
        draw = self.below(sum(weights))
        for position, weight in enumerate(weights):
            draw -= weight
            if draw < 0:
                return position
        raise AssertionError("weights are positive")

"""The targets by name, and what each of them is."""

import importlib
import re
from random import Random
from typing import Protocol, cast

WATCHED_BY = {
    "codec": ("events.codec",),
    "stored": ("processors.stored",),
    "block": ("infra.block",),
    "policy_file": ("guanxi.policy_file",),
}
"""Name of a target -> the modules under test: their branches guide the search."""


class Target(Protocol):
    """What a module of this folder holds."""

    def check(self, data: bytes) -> set[str]:
        """Give the bytes to what is tested -> what became of them, in words. Raises anything at all for a broken promise."""

    def mutated(self, data: bytes, random: Random) -> bytes:
        """The input changed by someone who knows what it should look like."""

    def seeds(self) -> list[bytes]:
        """Inputs to begin with."""


_OF_THE_INPUT = re.compile(r"[0-9'\"`].*", re.DOTALL)


def in_general(said: str) -> str:
    """A message without what it says of one input: it ends before the first digit or quotation."""
    return _OF_THE_INPUT.sub("", said)


def target(name: str) -> Target:
    """The target of this name."""
    return cast(Target, importlib.import_module(f"tests.fuzz.targets.{name}"))

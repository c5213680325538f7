"""What a bank tells whoever works with it, wherever its log is."""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

Progress = Callable[[int, int | None, int], None]
"""Told bytes done, bytes in all if known, records seen."""
Blocks = Callable[[int, int], None]
"""Told blocks done and blocks in all."""
Say = Callable[[str], None]
"""Told a line that a person has to know."""


class Status(msgspec.Struct, frozen=True):
    """Where a log stands."""

    log: str
    blocks: int
    lines: int
    stored_bytes: int
    customers: int
    first_month: str | None
    closed_through: str | None
    policies: list[str]
    views_block: int
    snapshot_block: int
    history_block: int
    being_written: bool


def nothing(*_: object) -> None:
    """Tells nobody."""


def now() -> str:
    """The commit clock, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""What a position in a partition is known by again: the topic's own id and the record before it."""

from collections.abc import Callable
from hashlib import sha256

from processors.messages import Messages
from processors.ports import Mark


def mark_of(topic_id: str, offset: int, value: bytes | None) -> Mark:
    """The mark behind a record."""
    return Mark(offset + 1, f"{topic_id}/{sha256(value or b'').hexdigest()[:32]}", 0)


def behind(messages: Messages, topic_id: str, stands: Mark | None) -> Callable[[int], Mark]:
    """The mark behind the first so many of a batch. stands: before it."""

    def mark(taken: int) -> Mark:
        if taken:
            return mark_of(topic_id, messages.places[taken - 1], messages.values[taken - 1])
        return stands or Mark(messages.places[0], f"{topic_id}/", 0)

    return mark

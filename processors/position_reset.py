"""The command that has an input read on from another offset, and its doing by the owner of the shard."""

from typing import Final

import msgspec

from events.catalog import CUSTOMERS, INTERACTIONS, TRANSACTIONS
from processors.faults import CommandUnfit
from processors.intake import Intake
from processors.owner import Work
from processors.ports import Head, Input

RECORDS_COME_ON: Final = (TRANSACTIONS, INTERACTIONS, CUSTOMERS)


class PositionResetAsked(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command", tag="position_reset"
):
    """Read an input on from offset `to`; topic_id: the broker's own id of the topic; reason, by: for those who audit."""

    topic: str
    partition: int
    to: int
    topic_id: str
    reason: str
    by: str

    def work(self, command: tuple[Input, int]) -> Work:
        """What the owner has to take. Raises CommandUnfit for an input that is not this shard's."""
        (_, shard), _ = command
        if self.partition != shard or self.topic not in RECORDS_COME_ON or self.to < 0:
            raise CommandUnfit(
                f"{self.topic} {self.partition} to {self.to}: shard {shard} reads nothing there; guanxi position reset checks it"
            )
        return PositionReset(self, command)


class PositionReset(msgspec.Struct, frozen=True):
    """An input is read on from another offset (``Intake.reset_input``).

    The shard is then to be read anew from where its log stands: what was read ahead no longer follows. command: input and
    position of the command that says so, if any.
    """

    asked: PositionResetAsked
    command: tuple[Input, int] | None = None

    def take(self, intake: Intake) -> None:
        """See Work."""
        asked = self.asked
        source = (asked.topic, asked.partition)
        intake.reset_input(source, asked.to, asked.topic_id, asked.reason, asked.by, self.command)

    def left(self, head: Head) -> "PositionReset | None":
        """See Work. One block holds all of it."""
        if self.command is not None and head.inputs.get(self.command[0], 0) >= self.command[1]:
            return None
        return self

    def halves(self) -> None:
        """See Work."""

"""Commands to the owner of a shard: what they say, and how each is done exactly once.

On PostgreSQL they are laid down in a table and numbered from 1 a shard; how far they were taken is an input of the shard,
moved by the block that holds what came of the command. So whoever asked tails the log: past its number stands either what
was done or a line CommandRefused with the reason.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from events.decisions import CommandRefused
from processors.faults import CannotPark, CommandUnfit
from processors.intake import Intake
from processors.owner import Erase, Owner, Unpark, Work
from processors.ports import Head, Input
from processors.position_reset import PositionResetAsked
from processors.redriving import Redrive
from processors.trigger_life import TriggerAsked


class UnparkAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command", tag="unpark"):
    """Let a parked customer go on."""

    customer_id: str

    def work(self, command: tuple[Input, int]) -> Work:
        """What the owner has to take."""
        return Unpark(self.customer_id, command)


class RedriveAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command", tag="redrive"):
    """Take again what was refused for a reason."""

    reason: str

    def work(self, command: tuple[Input, int]) -> Work:
        """What the owner has to take."""
        return Redrive(self.reason, command)


class ErasureAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command", tag="erase"):
    """Erase a customer; event_id, occurred_at: of the request; reason: in clear, none if nobody gave one."""

    customer_id: str
    event_id: str
    occurred_at: str
    reason: str | None = None

    def work(self, command: tuple[Input, int]) -> Work:
        """What the owner has to take."""
        return Erase(self.customer_id, self.event_id, self.occurred_at, self.reason, command)


Command = UnparkAsked | RedriveAsked | ErasureAsked | PositionResetAsked | TriggerAsked


def commands_input(shard_number: int) -> Input:
    """As which input of its shard the commands are taken; the position behind command n is n."""
    return "commands", shard_number


def body_of(command: Command) -> dict[str, Any]:
    """A command as it is laid down."""
    body: dict[str, Any] = msgspec.to_builtins(command)
    return body


def execute(owner: Owner, source: Input, number: int, body: Mapping[str, Any]) -> None:
    """Do a command, or refuse it with the reason; either is in the log when this returns, and the input behind it.

    source: the input that the shard's commands are; number: this one's. One that is done already is left alone. Raises what
    the ports raise; then it was done or not, and is asked again.
    """
    if owner.keeper.log.head().inputs.get(source, 0) >= number:
        return
    command = source, number
    try:
        try:
            work = msgspec.convert(dict(body), Command).work(command)
        except msgspec.ValidationError as error:
            raise CommandUnfit(f"this version does not know the command: {error}") from error
        owner.take(work)
    except CommandUnfit as error:
        owner.take(_Refuse(str(error), command))
    except CannotPark as error:
        owner.renew()
        owner.take(_Refuse(str(error), command))


class _Refuse(msgspec.Struct, frozen=True):
    """The answer to a command that cannot be done."""

    why: str
    command: tuple[Input, int]

    def take(self, intake: Intake) -> None:
        """See Work."""
        intake.answer(CommandRefused(number=self.command[1], why=self.why), self.command)

    def left(self, head: Head) -> "_Refuse | None":
        """See Work."""
        return None if head.inputs.get(self.command[0], 0) >= self.command[1] else self

    def halves(self) -> None:
        """See Work."""

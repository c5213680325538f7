"""What a manager does about a trigger by command: claims it, says of a contact, closes it (DOMAIN §5).

The owner of the shard looks at the trigger first, so that of two who claim at once one wins and the other is told who has
it. What is done enters the log as the record that a core system would have published, with the source ``guanxi``.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from events.catalog import INTERACTIONS
from events.codec import to_json
from events.decisions import TriggerMoved
from processors.faults import CommandUnfit
from processors.intake import Intake
from processors.owner import Work
from processors.parked import Place
from processors.ports import Head, Input, KeyDestroyed, LogDamaged, LogUnusable, LostShard, Seal
from processors.stored import Line

SOURCE: Final = "guanxi"
"""Source of the records that this program makes itself."""
_AGAIN = (LogUnusable, LogDamaged, LostShard)
"""What is said by the store, not by the note."""
_STANDING: Final = ("raised", "claimed", "contacted")


class TriggerAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command", tag="trigger"):
    """Take a record about a trigger. record: without its note; note: that, sealed under the customer's key, base64."""

    record: dict[str, Any]
    note: str | None = None

    def work(self, command: tuple[Input, int]) -> Work:
        """What the owner has to take."""
        return Manage(self, command)


class Manage(msgspec.Struct):
    """A record about a trigger goes into the log (``owner.Work``). done: the steps that came of it."""

    asked: TriggerAsked
    command: tuple[Input, int] | None = None
    done: list[TriggerMoved] = []

    def take(self, intake: Intake) -> None:
        """See Work. Raises CommandUnfit where the trigger is not there, has ended, or is another's; nothing is taken then."""
        record = self.asked.record
        customer_id, trigger_id = record["customer_id"], record["trigger_id"]
        if customer_id in intake.shard.parked:
            raise CommandUnfit(f"{customer_id}: this customer is parked; guanxi parked says why, guanxi unpark goes on")
        lines = (line for _, line in intake.archive.numbered(customer_id))
        refuse_unfit(trigger_id, _steps(lines, trigger_id), claims=record["type"] == "trigger_claimed")
        if self.asked.note is not None:
            record = record | {"note": _opened(self.asked, intake.vault)}
        decided = intake.enter(to_json(record), Place(topic=INTERACTIONS, file=SOURCE, line=1), self.command)
        self.done = [each for each in decided if isinstance(each, TriggerMoved) and each.id == trigger_id]

    def left(self, head: Head) -> "Manage | None":
        """See Work. One block holds all of it."""
        if self.command is not None and head.inputs.get(self.command[0], 0) >= self.command[1]:
            return None
        return self

    def halves(self) -> None:
        """See Work."""


def sealed(record: dict[str, Any], vault: Seal) -> TriggerAsked:
    """What to ask of an owner elsewhere: a note is no text that may be laid down as it is (DOMAIN §7).

    Raises CommandUnfit for a note about a customer who was erased, and what the vault raises.
    """
    plain = {name: value for name, value in record.items() if name != "note"}
    if "note" not in record:
        return TriggerAsked(plain)
    try:
        kept = vault.seal(record["customer_id"], record["note"].encode(), _context(plain))
    except KeyDestroyed as error:
        raise CommandUnfit(f"{record['customer_id']}: this customer was erased; nothing was changed") from error
    vault.commit()
    return TriggerAsked(plain, b64encode(kept).decode())


def opened(asked: TriggerAsked, vault: Seal) -> str:
    """The note again. Raises what the vault raises."""
    kept = b64decode(asked.note or "")
    return vault.open(asked.record["customer_id"], kept, _context(asked.record)).decode()


def _opened(asked: TriggerAsked, vault: Seal) -> str:
    """The note again. Raises CommandUnfit where it is lost for good, so that no owner tries for ever."""
    try:
        return opened(asked, vault)
    except _AGAIN:
        raise
    except Exception as error:
        raise CommandUnfit(f"the note cannot be opened: {error}; nothing was changed") from error


def _context(record: dict[str, Any]) -> bytes:
    return f"command\0{record['event_id']}".encode()


def _steps(lines: Iterable[Line], trigger_id: str) -> Iterator[TriggerMoved]:
    return (line for line in lines if isinstance(line, TriggerMoved) and line.id == trigger_id)


def refuse_unfit(trigger_id: str, steps: Iterable[TriggerMoved], *, claims: bool) -> None:
    """Raises CommandUnfit for a trigger about which nothing can be done (any more). steps: of this trigger, in order."""
    last = who = None
    for last in steps:
        if last.manager_id is not None:
            who = last
    if last is None:
        raise CommandUnfit(f"{trigger_id}: no such trigger; guanxi triggers --open shows what stands")
    if last.step not in _STANDING:
        by = f" by {last.manager_id}" if last.manager_id else ""
        raise CommandUnfit(f"{trigger_id}: it ended on {last.business_date}: {last.step}{by}; nothing was changed")
    if claims and who is not None:
        what = "has it" if who.step == "claimed" else "is in contact with the customer"
        raise CommandUnfit(f"{trigger_id}: {who.manager_id} {what} since {who.business_date}; nothing was changed")

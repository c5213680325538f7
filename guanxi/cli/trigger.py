"""`guanxi trigger`: what a customer manager does about a trigger."""

import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import click

from aggregates.triggers.catalog import RULES
from events.decisions import TriggerMoved
from guanxi.bootstrap import open_bank, open_known
from guanxi.cli.endings import found_wrong
from guanxi.cli.kafka import with_extras
from guanxi.cli.options import Asked, common, say
from guanxi.cli.render import look_of, show
from guanxi.cli.triggers import LISTING
from guanxi.errors import FoundWrong, UserError
from guanxi.settings import Settings
from processors.faults import CommandUnfit
from processors.ports import LogBusy
from processors.trigger_life import SOURCE

WAIT_S: Final = 10.0
"""Another one who does the same is done within a second; one who takes many records in is not waited for."""
_PAUSE_S: Final = 0.05
_OUTCOMES: Final = click.Choice(("retained", "lost", "no_need"))


@click.group("trigger")
@common
def command() -> None:
    """Take a trigger on, say that the customer was spoken to, close it. guanxi worklist and guanxi triggers show the ids."""


@command.command("claim")
@click.argument("trigger_id", metavar="ID")
@click.option("--manager", required=True, metavar="ID", help="Who takes it on.")
@common
@click.pass_obj
def claim(asked: Asked, trigger_id: str, manager: str) -> None:
    """Take a trigger on. Of two at once one has it; the other is told who, with exit code 1."""
    _do(asked, trigger_id, {"type": "trigger_claimed", "manager_id": manager})


@command.command("contact")
@click.argument("trigger_id", metavar="ID")
@click.option("--manager", required=True, metavar="ID", help="Who spoke with the customer.")
@click.option("--outcome", type=_OUTCOMES, help="What came of it, which closes the trigger.")
@click.option("--note", metavar="TEXT", help="What was said; kept sealed under the customer's key.")
@common
@click.pass_obj
def contact(asked: Asked, trigger_id: str, manager: str, outcome: str | None, note: str | None) -> None:
    """Say that the customer was spoken to. With --outcome that also closes the trigger."""
    _do(asked, trigger_id, {"type": "manager_contact", "manager_id": manager, "outcome": outcome, "note": note})


@command.command("close")
@click.argument("trigger_id", metavar="ID")
@click.option("--manager", required=True, metavar="ID", help="Who says so.")
@click.option("--outcome", type=_OUTCOMES, required=True, help="What came of it.")
@click.option("--note", metavar="TEXT", help="Why; kept sealed under the customer's key.")
@common
@click.pass_obj
def close(asked: Asked, trigger_id: str, manager: str, outcome: str, note: str | None) -> None:
    """Close a trigger with its outcome."""
    _do(asked, trigger_id, {"type": "manager_contact", "manager_id": manager, "outcome": outcome, "note": note})


def _do(asked: Asked, trigger_id: str, said: dict[str, Any]) -> None:
    """Have the owner of the customer's shard take a record, and show the step that came of it."""
    settings = asked.settings()
    record = record_of(_customer_of(trigger_id, settings), trigger_id, said)
    try:
        steps = _on_postgres(settings, record) if settings.on_postgres else _in_file(settings, record)
    except CommandUnfit as error:
        raise found_wrong(error) from error
    if not steps:
        raise FoundWrong("it was taken, and nothing came of it", trigger_id, "guanxi parked says who was set aside")
    show((step.published() for step in steps), LISTING, asked, look_of(()), "")


def record_of(customer_id: str, trigger_id: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a manager says of a trigger, now, as the record that it enters the log as. said: its own fields, None is left out."""
    return {
        "event_id": uuid.uuid4().hex,
        "source": SOURCE,
        "schema_version": 1,
        "occurred_at": datetime.now(UTC).astimezone().isoformat(timespec="milliseconds"),
        "customer_id": customer_id,
        "trigger_id": trigger_id,
        **{name: value for name, value in said.items() if value is not None},
    }


def _on_postgres(settings: Settings, record: dict[str, Any]) -> list[TriggerMoved]:
    with with_extras("guanxi.owners").Owners(settings.log) as owners:
        found: list[TriggerMoved] = owners.manage(record)
    return found


def _in_file(settings: Settings, record: dict[str, Any]) -> list[TriggerMoved]:
    """As the owner of the log; waits for its turn, as another manager may be doing the same."""
    ends = time.monotonic() + WAIT_S
    while True:
        try:
            with open_known(settings, say=say) as bank:
                return bank.manage(record)
        except LogBusy:
            if time.monotonic() > ends:
                raise
        time.sleep(_PAUSE_S)


def _customer_of(trigger_id: str, settings: Settings) -> str:
    """The customer of a trigger. Ids may hold colons: of several customers that it may be, the one who has the trigger."""
    found = list(_customers_in(trigger_id))
    if not found:
        raise UserError(
            "not the id of a trigger",
            trigger_id,
            "write it as guanxi triggers shows it, such as C1:aum_drop:2026-01-31",
        )
    if len(found) == 1:
        return found[0]
    with open_bank(settings, write=False, say=say) as bank:
        for customer in found:
            if any(row["id"] == trigger_id for row in bank.views.of(customer).triggers(customer)):
                return customer
    return found[0]


def _customers_in(trigger_id: str) -> Iterator[str]:
    """Whatever stands before a rule's code and a key."""
    parts, codes = trigger_id.split(":"), {rule.code for rule in RULES}
    for at in range(1, len(parts) - 1):
        if parts[at] in codes and ":".join(parts[:at]):
            yield ":".join(parts[:at])

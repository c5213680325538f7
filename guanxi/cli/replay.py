"""`guanxi replay`: what happened to one customer, event by event, with the state before and after each."""

from collections.abc import Iterator
from typing import Any, Final

import click

from aggregates.customer import standing as standing_of
from aggregates.dates import iso
from aggregates.policy import Policies
from aggregates.triggers.catalog import rule_of
from events.decisions import Cause, Tier, TriggerMoved
from guanxi.cli.asking import Page, known, page
from guanxi.cli.options import Asked, common
from guanxi.cli.past import known_at as known_at_option
from guanxi.cli.render import Column, Listing, Look, Row, amount, show, standing, text
from guanxi.cli.words import ALERTS, KINDS, LINES, STEPS, Words
from processors.past import Past, Step, steps
from processors.stored import Line
from projections.moment import KnownAt

TRIGGER: Final = str(TriggerMoved.__struct_config__.tag)


def _moved(row: Row, look: Look) -> str:
    return look.money(sum(move["amount"] for move in row["moved"])) if row["moved"] else "-"


LISTING = Listing(
    (
        "line", "block", "recorded_at", "type", "kind", "source", "event_id", "occurred_at", "value_date", "moved", "before",
        "after",
    ),
    (
        Column(Words("行", "Line"), text("line"), right=True),
        Column(Words("事件", "Event"), lambda row, _: _event(row)),
        Column(Words("起息日", "Value date"), text("value_date")),
        Column(Words("编号", "Event id"), text("event_id")),
        Column(Words("变动", "Moved"), _moved, right=True),
        Column(Words("之前", "AUM before"), lambda row, look: amount("spot")(row["before"], look), right=True),
        Column(Words("之后", "AUM after"), lambda row, look: amount("spot")(row["after"], look), right=True),
        Column(Words("等级", "Tier"), lambda row, look: stood(row["before"], row["after"], look)),
    ),
)  # fmt: skip


@click.command("replay")
@click.option("--customer", "customer_id", metavar="ID", required=True, help="Whose events.")
@known_at_option
@common
@click.pass_obj
def command(asked: Asked, customer_id: str, known_at: KnownAt | None) -> None:
    """Every record and decision about one customer in the order of the log, with the state before and after it.

    JSON lines give every balance that it touched and the whole tier, amounts in minor units.
    """
    with page(asked, known_at=known_at, customer_id=customer_id) as on:
        show(rows_of(on, customer_id), LISTING, asked, on.look, on.footer)


def rows_of(on: Page, customer_id: str) -> Iterator[dict[str, Any]]:
    """One row a line of the log. Raises FoundWrong for a customer never heard of."""
    known(on, customer_id)
    clock = on.views.recorded_at(on.basis.block)
    for step in steps_of(on, past_of(on, customer_id)):
        yield row_of(step, clock[step.block])


def past_of(on: Page, customer_id: str) -> Past:
    """A customer of whom no line is folded yet, as of the moment asked about."""
    return Past(customer_id, Policies(on.basis.policies), on.basis.first_month)


def steps_of(on: Page, past: Past) -> Iterator[Step]:
    """Every line about a customer up to the moment asked about with what it did, folded one by one."""
    return steps(on.bank.lines_of(past.customer_id, on.basis.block), past)


def row_of(step: Step, recorded_at: str) -> dict[str, Any]:
    """A line of the log and what it did; recorded_at: commit clock of its block."""
    line = step.line
    return {
        "line": step.log_line,
        "block": step.block,
        "recorded_at": recorded_at,
        "type": line.__struct_config__.tag,
        "kind": f"{line.code}:{line.step}" if isinstance(line, TriggerMoved) else getattr(line, "kind", None),
        **event_of(line),
        "occurred_at": getattr(line, "occurred_at", None),
        "value_date": getattr(line, "value_date", None),
        "moved": [{"account_id": name, "value_date": iso(day), "amount": minor} for name, day, minor in step.moved],
        "before": _state(step, 0),
        "after": _state(step, 1),
    }


def event_of(line: Line) -> dict[str, str | None]:
    """source and event_id of the record behind a line; null where it is not a single one."""
    cause = getattr(line, "cause", None)
    named = cause if isinstance(cause, Cause) else line
    return {"source": getattr(named, "source", None), "event_id": getattr(named, "event_id", None)}


def _state(step: Step, side: int) -> dict[str, Any]:
    tier: Tier = step.tier[side]
    shown = standing_of(tier)
    return {
        "spot": step.spot[side],
        "balances": {name: found[side] for name, found in step.touched.items()},
        "state": shown.state,
        "level": shown.level,
        "watch": len(tier.watch),
        "below_entry": tier.below_entry,
        "grace_left": tier.grace_left,
        "until": shown.until,
    }


def _event(row: Row) -> str:
    kind = row["kind"]
    if row["type"] == TRIGGER:
        code, step = kind.rsplit(":", 1)
        rule = rule_of(code)
        return f"{LINES[TRIGGER]} · {code if rule is None else Words(rule.zh, rule.en)} · {STEPS[step]}"
    named = f" · {KINDS.get(kind) or ALERTS.get(kind) or kind}" if kind else ""
    return f"{LINES.get(row['type'], row['type'])}{named}"


def stood(before: Row, after: Row, look: Look) -> str:
    """A tier with its counters, before and after if they differ."""
    first, then = (standing(state, look) + _counted(state) for state in (before, after))
    return first if first == then else f"{first} → {then}"


def _counted(state: Row) -> str:
    """Months of watch, below entry or grace, where there are any."""
    counts = [f"{zh}{state[key]}" for key, zh in _COUNTERS.items() if state[key]]
    return f" ({' '.join(counts)})" if counts else ""


_COUNTERS: Final = {"watch": "关注", "below_entry": "低于门槛", "grace_left": "宽限"}

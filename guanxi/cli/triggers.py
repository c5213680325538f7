"""`guanxi triggers`: who should be contacted, why, and what came of it."""

from collections.abc import Iterator

import click

from aggregates.dates import Day, iso
from aggregates.triggers.catalog import RULES, rule_of
from events.decisions import TriggerMoved
from guanxi import policy_file
from guanxi.cli.asking import known, page
from guanxi.cli.options import Asked, common
from guanxi.cli.past import any_day
from guanxi.cli.render import Column, Listing, Look, Row, show, term, text
from guanxi.cli.words import STEPS, Words
from projections.moment import KnownAt
from projections.trigger_steps import SHOWN, STANDING


def says(row: Row, _: Look) -> Iterator[str]:
    """The id, by which a trigger is claimed and closed, and why, in a sentence of each language."""
    yield row["id"]
    yield from filter(None, (row["says"]["zh"], row["says"]["en"]))


def says_once(row: Row, look: Look) -> Iterator[str]:
    """Where every step is listed: why, with the raise alone, since later steps repeat it."""
    yield from says(row, look) if row["step"] == "raised" else (row["id"],)


def named(row: Row, _: Look) -> str:
    """The rule in both languages; its code where this release does not know it."""
    rule = rule_of(row["code"])
    return row["code"] if rule is None else str(Words(rule.zh, rule.en))


def a_code(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The code of a rule that there is."""
    codes = [rule.code for rule in RULES]
    if value is not None and value not in codes:
        raise click.BadParameter(f"there is no rule {value}; there are {', '.join(codes)}", ctx, param)
    return value


def manager(row: Row, _: Look) -> str:
    """Who took it on; - for nobody."""
    return str(row.get("manager_id") or "-")


LISTING = Listing(
    SHOWN,
    (
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("序号", "No."), text("sequence"), right=True),
        Column(Words("会计日期", "Business date"), text("business_date")),
        Column(Words("预警", "Trigger"), named),
        Column(Words("进展", "Step"), term("step", STEPS)),
        Column(Words("客户经理", "Manager"), manager),
    ),
    says,
)
EVERY_STEP = LISTING._replace(below=says_once)


@click.command("triggers")
@click.option("--customer", metavar="ID", help="Those of one customer.")
@click.option("--code", metavar="CODE", callback=a_code, help="Those of one rule, such as aum_drop.")
@click.option(
    "--open", "standing", is_flag=True, help="Only what still asks for something: the last step of each such trigger."
)
@click.option(
    "--what-if",
    "imagined",
    is_flag=True,
    help="What would have come had today's rules been active from the start, with the parameters of --policy if given.",
)
@any_day
@common
@click.pass_obj
def command(
    asked: Asked,
    customer: str | None,
    code: str | None,
    standing: bool,
    imagined: bool,
    as_of: Day,
    known_at: KnownAt | None,
) -> None:
    """Reasons to contact a customer, with their evidence and what came of them; by customer, then in order.

    One row a step: raised, claimed by a manager, contacted, and how it ended. With --as-of those up to that business date.
    --what-if folds the whole log again in memory and judges triggers anew; tiers stay as they were decided, and nothing is
    written. Of a policy file it takes the parameters of triggers alone.
    """
    if imagined:
        if known_at is not None:
            raise click.UsageError("--what-if judges by all that is known now: leave out --known-at")
        _imagine(asked, customer, code, as_of, standing=standing)
        return
    with page(asked, as_of, known_at, customer) as on:
        if customer is not None:
            known(on, customer)
        listing = LISTING if standing else EVERY_STEP
        show(on.views.triggers(customer, code, on.at, standing=standing), listing, asked, on.look, on.footer)


def _imagine(asked: Asked, customer: str | None, code: str | None, as_of: Day, *, standing: bool) -> None:
    """Steps that would have come, in the order of those that did."""
    file = asked.settings().policy
    parameters = None if file is None else policy_file.load(file)[0].triggers
    with page(asked, as_of, None, customer) as on:
        if customer is not None:
            known(on, customer)
        found: dict[str, list[TriggerMoved]] = {}
        until = iso(as_of) if as_of else "9999"
        for step in on.bank.what_if(parameters):
            if customer in (None, step.customer_id) and step.business_date <= until:
                found.setdefault(step.customer_id, []).append(step)
        steps = (step for who in sorted(found, key=str.encode) for step in found[who] if code in (None, step.code))
        if standing:
            last = {step.id: step for step in steps}
            order = sorted(last.values(), key=lambda step: (step.customer_id.encode(), step.sequence))
            steps = (step for step in order if step.step in STANDING)
        listing, footer = LISTING if standing else EVERY_STEP, f"what if: nothing was written; {on.footer}"
        show((step.published() for step in steps), listing, asked, on.look, footer)

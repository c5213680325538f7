"""`guanxi triggers`: who should be contacted, why, and what came of it."""

import click

from aggregates.dates import Day
from aggregates.triggers.catalog import RULES, rule_of
from guanxi.cli.asking import known, page
from guanxi.cli.options import Asked, common
from guanxi.cli.past import any_day
from guanxi.cli.render import Column, Listing, Look, Row, show, term, text
from guanxi.cli.words import STEPS, Words
from projections.moment import KnownAt
from projections.trigger_steps import SHOWN


def says(row: Row, _: Look) -> str:
    """Why, in a sentence of each language."""
    return "\n".join(sentence for sentence in (row["says"]["zh"], row["says"]["en"]) if sentence) or "-"


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
        Column(Words("说明", "Why"), says),
    ),
)


@click.command("triggers")
@click.option("--customer", metavar="ID", help="Those of one customer.")
@click.option("--code", metavar="CODE", callback=a_code, help="Those of one rule, such as aum_drop.")
@click.option(
    "--open", "standing", is_flag=True, help="Only what still asks for something: the last step of each such trigger."
)
@any_day
@common
@click.pass_obj
def command(
    asked: Asked, customer: str | None, code: str | None, standing: bool, as_of: Day, known_at: KnownAt | None
) -> None:
    """Reasons to contact a customer, with their evidence and what came of them; by customer, then in order.

    One row a step: raised, claimed by a manager, contacted, and how it ended. With --as-of those up to that business date.
    """
    with page(asked, as_of, known_at, customer) as on:
        if customer is not None:
            known(on, customer)
        show(on.views.triggers(customer, code, on.at, standing=standing), LISTING, asked, on.look, on.footer)

"""`guanxi tier-changes`: what changed, and on which months it rests."""

import click

from aggregates.dates import Day
from aggregates.money import average
from guanxi.cli.asking import known, page
from guanxi.cli.options import Asked, common
from guanxi.cli.past import any_day
from guanxi.cli.render import Column, Listing, Look, Row, show, standing, term, text
from guanxi.cli.words import KINDS, Words
from projections.moment import KnownAt


def months(row: Row, look: Look) -> str:
    """The month averages that a change rests on, a line each."""
    return "\n".join(f"{m['month']} {look.money(average(m['sum'], m['days']))}" for m in row["months"]) or "-"


LISTING = Listing(
    (
        "id", "sequence", "customer_id", "kind", "closed_month", "effective_date", "before", "after", "watch",
        "below_entry", "months", "policy_version", "decided_at", "cause",
    ),
    (
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("序号", "No."), text("sequence"), right=True),
        Column(Words("生效日", "Effective"), text("effective_date")),
        Column(Words("变动", "Change"), term("kind", KINDS)),
        Column(Words("前", "Before"), lambda row, look: standing(row["before"], look)),
        Column(Words("后", "After"), lambda row, look: standing(row["after"], look)),
        Column(Words("月日均", "Month averages"), months),
    ),
)  # fmt: skip


@click.command("tier-changes")
@click.option("--customer", metavar="ID", help="Those of one customer.")
@click.option(
    "--after",
    metavar="SEQ",
    type=click.IntRange(0),
    default=0,
    help="Those after this number in a customer's own count.",
)
@any_day
@common
@click.pass_obj
def command(asked: Asked, customer: str | None, after: int, as_of: Day, known_at: KnownAt | None) -> None:
    """Tier changes as subscribers see them, with the months they rest on; by customer, then in order."""
    with page(asked, as_of, known_at, customer) as on:
        if customer is not None:
            known(on, customer)
        show(on.views.tier_changes(customer, after, on.at), LISTING, asked, on.look, on.footer)

"""`guanxi alerts`: what does not add up."""

import click

from guanxi.cli.asking import known, page
from guanxi.cli.options import Asked, common
from guanxi.cli.render import Column, Listing, Look, Row, show, term, text
from guanxi.cli.words import ALERTS, Words
from projections.alerts import SHOWN


def compared(key: str) -> Column:
    """A column of what was expected or found: a number, a text, or both totals of a close."""

    def cell(row: Row, look: Look) -> str:
        value = row[key]
        if isinstance(value, dict):
            return "\n".join(f"{name} {value[name]:,}" for name in value)
        return text(key)(row, look)

    return Column(Words("应为", "Expected") if key == "expected" else Words("实为", "Actual"), cell, right=True)


LISTING = Listing(
    SHOWN,
    (
        Column(Words("核对提示", "Alert"), term("kind", ALERTS)),
        Column(Words("日期", "Date"), text("date")),
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("账户", "Account"), text("account_id")),
        Column(Words("来源", "Source"), text("source")),
        Column(Words("编号", "Event id"), text("event_id")),
        compared("expected"),
        compared("actual"),
    ),
)


@click.command("alerts")
@click.option("--customer", metavar="ID", help="Those about one customer.")
@common
@click.pass_obj
def command(asked: Asked, customer: str | None) -> None:
    """Integrity alerts in the order of the log, then control totals that differ. An alert changes nothing.

    Balances and signed sums are in minor units.
    """
    with page(asked, customer_id=customer) as on:
        if customer is not None:
            known(on, customer)
        show(on.views.alerts(customer), LISTING, asked, on.look, on.footer)

"""`guanxi aum`: balances, and month averages."""

import re
from collections.abc import Iterator
from typing import Any, Final

import click

from aggregates.dates import Day, month_from
from guanxi.cli.asking import Page, known, page
from guanxi.cli.options import Asked, common
from guanxi.cli.past import any_day
from guanxi.cli.render import Column, Listing, amount, show, term, text
from guanxi.cli.words import CATEGORIES, Words
from projections.customers import By, aum_of, worth_of
from projections.moment import KnownAt

_MONTH: Final = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])\Z", re.ASCII)

CUSTOMER = Column(Words("客户", "Customer"), text("customer_id"))
PARTS: Final[dict[By, tuple[tuple[str, Column], ...]]] = {
    "total": (),
    "category": (("category", Column(Words("资产类别", "Category"), term("category", CATEGORIES))),),
    "account": (
        ("category", Column(Words("资产类别", "Category"), term("category", CATEGORIES))),
        ("account_id", Column(Words("账户", "Account"), text("account_id"))),
    ),
}
SPOT: Final = (("spot", Column(Words("金融资产", "AUM"), amount("spot"), right=True)),)
MONTH: Final = (
    ("month", Column(Words("月份", "Month"), text("month"))),
    ("sum", Column(Words("日终余额合计", "Sum of days"), amount("sum"), right=True)),
    ("days", Column(Words("天数", "Days"), text("days"), right=True)),
    ("average", Column(Words("月日均", "Month average"), amount("average"), right=True)),
)


def listing(by: By, *, of_month: bool) -> Listing:
    """Keys and columns of the rows asked for."""
    columns = (("customer_id", CUSTOMER), *PARTS[by], *(MONTH if of_month else SPOT))
    return Listing([key for key, _ in columns], [column for _, column in columns])


def a_month(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Check the form of a month."""
    if value is not None and not _MONTH.match(value):
        raise click.BadParameter(f"{value!r} is not a month; write YYYY-MM", ctx, param)
    return value


@click.command("aum")
@click.option("--customer", metavar="ID", help="That of one customer.")
@click.option(
    "--month", metavar="YYYY-MM", callback=a_month, help="Sum and average of a month instead of today's balance."
)
@click.option("--by", type=click.Choice(list(PARTS)), default="total", show_default=True, help="How finely told apart.")
@any_day
@common
@click.pass_obj
def command(
    asked: Asked, customer: str | None, month: str | None, by: By, as_of: Day, known_at: KnownAt | None
) -> None:
    """Balances of all customers with accounts, everything taken so far counted, or at the end of a date.

    JSON lines and CSV give minor units. Of a month that is not over the balance is taken to stay as it is.
    """
    with page(asked, as_of, known_at, customer) as on:
        if customer is not None:
            known(on, customer)
        in_views = customer is None or on.at.is_now  # of one customer now the state is enough
        rows = on.views.aum(by, month, customer, on.at) if in_views else rows_of(on, str(customer), by, month)
        show(rows, listing(by, of_month=month is not None), asked, on.look, on.footer)


def rows_of(on: Page, customer_id: str, by: By, month: str | None) -> Iterator[dict[str, Any]]:
    """Rows of one customer, folded from its lines."""
    asked = None if month is None else month_from(month)
    if asked is not None and (not on.basis.first_month or asked < on.basis.first_month):
        return iter(())
    accounts = on.bank.customer_at(customer_id, on.at).accounts
    return aum_of(customer_id, accounts, by, asked, worth_of(asked, on.at.as_of, on.basis.first_month))

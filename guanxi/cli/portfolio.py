"""`guanxi portfolio`: the customers of a manager, and all managers with what they look after."""

import click

from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.render import Column, Listing, amount, show, standing, text
from guanxi.cli.words import Words
from projections.portfolio import CUSTOMERS_SHOWN, MANAGERS_SHOWN

CUSTOMERS = Listing(
    CUSTOMERS_SHOWN,
    (
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("等级", "Level"), standing),
        Column(Words("金融资产", "AUM"), amount("aum"), right=True),
        Column(Words("自", "Since"), text("since")),
        Column(Words("网点", "Branch"), text("branch")),
    ),
)
MANAGERS = Listing(
    MANAGERS_SHOWN,
    (
        Column(Words("客户经理", "Manager"), text("manager_id")),
        Column(Words("客户数", "Customers"), text("customers"), right=True),
        Column(Words("金融资产", "AUM"), amount("aum"), right=True),
    ),
)


@click.command("portfolio")
@click.option("--manager", metavar="ID", help="The customers of this customer manager, by customer id.")
@common
@click.pass_obj
def command(asked: Asked, manager: str | None) -> None:
    """Customer managers with the number of their customers and what these hold; with --manager the customers of one.

    A relation begins with manager_assigned and ends with the next one, or with the months of grace of a lapsed VIP.
    """
    with page(asked) as on:
        if manager is None:
            show(on.views.managers(), MANAGERS, asked, on.look, on.footer)
        else:
            show(on.views.portfolio(manager), CUSTOMERS, asked, on.look, on.footer)

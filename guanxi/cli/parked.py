"""`guanxi parked`: customers set aside since the program failed on them."""

import click

from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.render import Column, Listing, show, text
from guanxi.cli.words import Words
from projections.parked import SHOWN

LISTING = Listing(
    SHOWN,
    (
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("自区块", "Since block"), text("since_block"), right=True),
        Column(Words("待处理记录", "Records waiting"), text("records"), right=True),
        Column(Words("程序错误", "Error"), text("error")),
        Column(Words("程序位置", "In"), text("place")),
        Column(Words("搁置时间", "Parked at"), text("parked_at")),
    ),
)


@click.command("parked")
@common
@click.pass_obj
def command(asked: Asked) -> None:
    """Customers that are parked: the program failed on a record of theirs, and what came since waits behind it.

    Nothing is lost, and all other customers go on. guanxi unpark takes what waits, once the program is mended.
    """
    with page(asked) as on:
        show(on.views.parked(), LISTING, asked, on.look, on.footer)

"""`guanxi rejected`: what was refused, and why."""

import click

from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.render import Column, Listing, Look, Row, show, text
from guanxi.cli.words import Words
from projections.rejected import SHOWN


def place(row: Row, _: Look) -> str:
    """Where the record came from."""
    if row["file"] is not None:
        return f"{row['file']}:{row['line']}"
    return f"{row['topic']}[{row['partition']}]@{row['offset']}"


LISTING = Listing(
    SHOWN,
    (
        Column(Words("拒绝原因", "Reason"), text("reason")),
        Column(Words("字段", "Field"), text("field")),
        Column(Words("说明", "Detail"), text("detail")),
        Column(Words("来源", "Source"), text("source")),
        Column(Words("编号", "Event id"), text("event_id")),
        Column(Words("位置", "Place"), place),
    ),
)


@click.command("rejected")
@common
@click.pass_obj
def command(asked: Asked) -> None:
    """Records that were refused, in the order of the log, with reason, field and place."""
    with page(asked) as on:
        show(on.views.rejected(), LISTING, asked, on.look, on.footer)

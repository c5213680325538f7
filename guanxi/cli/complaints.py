"""`guanxi complaints`: open complaints, the gravest and oldest first."""

import click

from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.render import Column, Listing, show, text
from guanxi.cli.words import Words
from projections.complaints import SHOWN, first_to_answer

LISTING = Listing(
    SHOWN,
    (
        Column(Words("严重程度", "Severity"), text("severity"), right=True),
        Column(Words("工作日", "Working days"), text("working_days"), right=True),
        Column(Words("天数", "Days open"), text("days"), right=True),
        Column(Words("投诉日期", "Filed on"), text("filed_on")),
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("投诉编号", "Complaint"), text("complaint_id")),
        Column(Words("编号", "Event id"), text("event_id")),
    ),
)


@click.command("complaints")
@common
@click.pass_obj
def command(asked: Asked) -> None:
    """Complaints that are open, the gravest first, then those that are open for longer.

    Days are counted from the day after the complaint to the last closed day; working days are Monday to Friday, unless the
    close of a day said otherwise, as for the trigger complaint_open.
    """
    with page(asked) as on:
        show(first_to_answer(on.views.complaints()), LISTING, asked, on.look, on.footer)

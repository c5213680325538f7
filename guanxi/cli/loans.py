"""`guanxi loans`: loans with their class of credit risk, and those that are overdue."""

import click

from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.render import Column, Listing, amount, show, term, text
from guanxi.cli.words import LOAN_CLASSES, Words
from projections.loans import SHOWN, longest_first

COLUMNS = (
    Column(Words("贷款", "Loan"), text("loan_id")),
    Column(Words("五级分类", "Class"), term("class", LOAN_CLASSES)),
    Column(Words("余额", "Outstanding"), amount("outstanding"), right=True),
    Column(Words("逾期天数", "Days overdue"), text("days_overdue"), right=True),
    Column(Words("逾期金额", "Overdue"), amount("overdue"), right=True),
    Column(Words("逾期日", "Notice of"), text("overdue_on")),
)
LISTING = Listing(SHOWN, (Column(Words("客户", "Customer"), text("customer_id")), *COLUMNS))


@click.command("loans")
@click.option("--customer", metavar="ID", help="Only one customer.")
@click.option("--overdue", is_flag=True, help="Only loans that are overdue, the longest first.")
@common
@click.pass_obj
def command(asked: Asked, customer: str | None, overdue: bool) -> None:
    """Loans: class of credit risk, what is outstanding, how long overdue.

    A notice stands until the next one about the loan. With --overdue it is a list of warnings: those that are overdue and
    not paid back.
    """
    with page(asked, customer_id=customer) as on:
        rows = on.views.loans(customer, overdue=overdue)
        show(longest_first(rows) if overdue else rows, LISTING, asked, on.look, on.footer)

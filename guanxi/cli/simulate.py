"""`guanxi simulate`: the records of a made-up Chinese bank."""

from datetime import date, datetime
from typing import Final

import click

from events.codec import to_json
from guanxi.cli.options import common
from guanxi.cli.writing import write_blocks
from guanxi.simulator import START, blocks
from guanxi.simulator.person import Truth

LAST_YEAR: Final = 9_000
"""Later starts leave no room for the days."""


def first_of_month(ctx: click.Context, param: click.Parameter, value: datetime) -> date:  # noqa: ARG001 - click's signature
    """The start as a date. Raises BadParameter for another day than the first of a month."""
    if value.day != 1:
        raise click.BadParameter(f"{value.date()} is not the first of a month, and the bank's first month is whole")
    if value.year > LAST_YEAR:
        raise click.BadParameter(f"{value.date()} is too late; a year up to {LAST_YEAR} is fine")
    return value.date()


@click.command("simulate")
@click.option("--customers", type=click.IntRange(1, 999_999), default=1_000, show_default=True, help="How many people.")
@click.option("--days", type=click.IntRange(1, 36_500), default=400, show_default=True, help="How many calendar days.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same bytes.")
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default=f"{START}",
    metavar="DATE",
    callback=first_of_month,
    help=f"The first day, the first of a month; default: {START}.",
)
@click.option("--malformed", is_flag=True, help="Add bad records and exact duplicates, a few a month.")
@click.option("--out", metavar="FILE", default="-", help="A file; default: standard output.")
@click.option("--truth", metavar="FILE", help="Add people about to leave or only looking so, and write here who does.")
@common
def command(customers: int, days: int, seed: int, start: date, *, malformed: bool, out: str, truth: str | None) -> None:
    """Write the records of a made-up Chinese bank, day by day.

    Salaries on their days, spending, Spring Festival and Singles' Day, products bought and maturing, funds valued every
    evening, money going to payment platforms, VIP careers up and down, late postings, reversals.

    Two systems, core and funds, close each day; a policy that names no sources counts the closes of core alone. The
    stream may be as long as it likes: memory depends on the customers only.

    With --truth there are also complaints, ratings and loans, and people in an episode: a salary that moves to another
    bank, a drift to a platform, a car bought, a holiday. The records do not say which is which; the file does.
    """
    if truth is None:
        write_blocks(blocks(customers, days, seed, start, malformed=malformed), out)
        return
    known: list[Truth] = []
    write_blocks(blocks(customers, days, seed, start, malformed=malformed, truth=known), out)
    write_blocks(iter([b"".join(to_json(each) + b"\n" for each in known)]), truth)

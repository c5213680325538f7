"""`guanxi simulate`: the records of a made-up Chinese bank."""

import click

from guanxi.cli.options import common
from guanxi.cli.writing import write_blocks
from guanxi.simulator import blocks


@click.command("simulate")
@click.option("--customers", type=click.IntRange(1, 999_999), default=1_000, show_default=True, help="How many people.")
@click.option("--days", type=click.IntRange(1, 36_500), default=400, show_default=True, help="Days from 2025-01-01 on.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed, the same bytes.")
@click.option("--out", metavar="FILE", default="-", help="A file; default: standard output.")
@common
def command(customers: int, days: int, seed: int, out: str) -> None:
    """Write the records of a made-up Chinese bank, day by day.

    Salaries, spending, products maturing, money drifting to payment platforms, VIP careers, late postings, reversals.
    Two systems, core and funds, close each day; where the policy names no sources, those of core count.
    """
    write_blocks(blocks(customers, days, seed), out)

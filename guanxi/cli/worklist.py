"""`guanxi worklist`: what a customer manager should do today, the most important first."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.render import Column, Listing, Look, Row, level, show, term, text
from guanxi.cli.triggers import named, says
from guanxi.cli.words import STAKES, STEPS, Words
from projections.worklist import SHOWN, first_to_do


def why_here(row: Row, look: Look) -> str:
    """The reason for the place of a row: the money, and what it is; the level; how long it stands."""
    reasons = [f"{STAKES[row['stake']]} {look.money(row['at_stake'])}"]
    if row["level"]:
        reasons.append(look.level(row["level"]))
    reasons.append(f"{row['days']} 天 day{'' if row['days'] == 1 else 's'}")
    return " · ".join(reasons)


LISTING = Listing(
    ("place", *SHOWN),
    (
        Column(Words("序号", "No."), text("place"), right=True),
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("等级", "Level"), level("level")),
        Column(Words("预警", "Trigger"), named),
        Column(Words("进展", "Step"), term("step", STEPS)),
        Column(Words("触发日", "Raised"), text("raised_on")),
        Column(Words("排序依据", "Why here"), why_here),
        Column(Words("客户经理", "Manager"), text("manager_id")),
        Column(Words("说明", "Why"), says),
    ),
)


@click.command("worklist")
@click.option("--manager", metavar="ID", help="What this customer manager has: own customers, and what was taken on.")
@click.option("--branch", metavar="ID", help="What stands of the customers of a branch.")
@click.option("--unassigned", is_flag=True, help="What nobody has: customers without a manager, taken on by nobody.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="The first so many; default: all.")
@common
@click.pass_obj
def command(asked: Asked, manager: str | None, branch: str | None, unassigned: bool, limit: int | None) -> None:
    """What is to be done today: standing triggers of a manager's customers, the most important first.

    First comes the most money at stake (what left, fell, matures or is lacking, else all that is held), then the higher
    level, then what stands for longer. What another manager has taken on is that manager's.
    """
    if manager is None and branch is None and not unassigned:
        raise click.UsageError("whose work? give --manager ID, --branch ID or --unassigned")
    if manager is not None and unassigned:
        raise click.UsageError("what a manager has is not unassigned: leave out --manager or --unassigned")
    with page(asked) as on:
        ladder = [rung.code for policy in on.basis.policies for rung in policy.ladder]
        found = first_to_do(on.views.worklist(manager, branch, unassigned=unassigned), ladder, limit)
        show(placed(found), LISTING, asked, on.look, on.footer)


def placed(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows with their place, from 1."""
    for place, row in enumerate(rows, 1):
        yield {"place": place, **row}

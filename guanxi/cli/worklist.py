"""`guanxi worklist`: what a customer manager should do today, the most important first."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from aggregates.triggers.catalog import rule_of
from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.render import Column, Listing, Look, Row, show, text
from guanxi.cli.triggers import says
from guanxi.cli.words import STAKES, STEPS, Words
from projections.worklist import SHOWN, first_to_do


def why_here(row: Row, look: Look) -> str:
    """The reason for the place of a row: the money, and what it is; the level; how long it stands."""
    level = f"{look.level(row['level'])} · " if row["level"] else ""
    return f"{STAKES[row['stake']]} {look.money(row['at_stake'])}\n{level}{days(row['days'])}"


def days(number: int) -> str:
    """A number of days in both languages."""
    return f"{number:,} 天 day{'' if number == 1 else 's'}"


def in_two_lines(words: Words) -> str:
    """A term, English below Chinese, which is narrow."""
    return "\n".join(dict.fromkeys(words))


def rule_in_two_lines(row: Row, _: Look) -> str:
    """The rule in both languages; its code where this release does not know it."""
    rule = rule_of(row["code"])
    return row["code"] if rule is None else in_two_lines(Words(rule.zh, rule.en))


LISTING = Listing(
    ("place", *SHOWN),
    (
        Column(Words("序号", "No."), text("place"), right=True),
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("预警", "Trigger"), rule_in_two_lines),
        Column(Words("排序依据", "Why in this place"), why_here),
        Column(Words("触发日", "Raised"), text("raised_on")),
        Column(Words("进展", "Step"), lambda row, _: in_two_lines(STEPS[row["step"]])),
        Column(Words("客户经理", "Manager"), text("manager_id")),
    ),
    says,
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

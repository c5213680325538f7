"""`guanxi worth`: what the triggers of a rule, a branch or a manager were worth."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import click

from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.render import Column, Listing, Look, Row, show, text
from guanxi.cli.triggers import a_code
from guanxi.cli.words import Words
from guanxi.cli.worklist import rule_in_two_lines
from projections.worth import CLAIMED_WITHIN_DAYS, worth_rows

_COUNTS: Final = (
    "raised",
    "withdrawn",
    "claimed_in_time",
    "reached",
    "reached_by_others",
    "retained",
    "lost",
    "no_need",
    "expired",
    "money",
)
_NAMES: Final = {
    "code": Words("预警", "Trigger"),
    "branch": Words("网点", "Branch"),
    "manager": Words("客户经理", "Manager"),
}
_SIDES: Final = (("reached", Words("已联系", "reached")), ("not_reached", Words("未联系", "not reached")))


def percent(found: Mapping[str, Any]) -> str:
    """A share in per cent and its interval: 61.5% (35.5 to 82.3)."""
    if found["share"] is None:
        return "-"
    interval = "" if found["low"] is None else f" ({100 * found['low']:.1f} to {100 * found['high']:.1f})"
    return f"{100 * found['share']:.1f}%{interval}"


def _share(key: str) -> Callable[[Row, Look], str]:
    return lambda row, _: f"{row[key]['count']:,}/{row[key]['of']:,}\n{percent(row[key])}"


def _reached(row: Row, look: Look) -> str:
    others = row["reached_by_others"]["count"]
    return _share("reached")(row, look) + (f"\n他人 by others {others:,}" if others else "")


def money_kept(row: Row, look: Look) -> Iterator[str]:
    """How much of the money was there so many days later, where that is known: a line each for both sides and the difference."""
    for of in row["money"]:
        term = f"{of['days']}天后留存 {of['days']} days on"
        for key, words in _SIDES:
            if (side := of[key])["share"] is not None:
                yield f"{term}  {words} {percent(side)} of {look.money(side['before'])} · {side['count']:,} 次"
        if of["difference"]["share"] is not None:
            yield f"{term}  差 difference {percent(of['difference'])}"


def listing(by: str) -> Listing:
    """The rows by rule, branch or manager."""
    return Listing(
        (by, *_COUNTS),
        (
            Column(_NAMES[by], rule_in_two_lines if by == "code" else text(by)),
            Column(Words("触发", "Raised"), text("raised"), right=True),
            Column(Words("撤回", "Withdrawn"), text("withdrawn"), right=True),
            Column(
                Words(f"{CLAIMED_WITHIN_DAYS}日内认领", f"Claimed in {CLAIMED_WITHIN_DAYS} days"),
                _share("claimed_in_time"),
            ),
            Column(Words("已联系", "Reached"), _reached),
            Column(Words("已挽留", "Retained"), _share("retained")),
        ),
        money_kept,
    )


@click.command("worth")
@click.option(
    "--by", type=click.Choice(("code", "branch", "manager")), default="code", help="Counted by; default: code."
)
@click.option("--code", metavar="CODE", callback=a_code, help="Only triggers of this rule.")
@common
@click.pass_obj
def command(asked: Asked, by: str, code: str | None) -> None:
    """What triggers were worth: how many were claimed within 2 days, reached, retained; and how much money stayed.

    Withdrawn ones count in no share; retained is of those reached. Money kept is AUM 30 and 90 days after the raise against
    AUM on its day, of customers who were reached beside those who were not, where these days are over; with 95 % intervals; behind
    it the AUM then and how many were raised. It says what went together: who is reached is chosen by people, not by lot.

    A trigger counts for the manager and the branch whose customer it was on the day of the raise, whoever has the customer now or
    spoke with the customer; `by others` are those reached by another manager.
    """
    with page(asked) as on:
        rows = worth_rows(on.views.told_triggers(code), by)  # type: ignore[arg-type]
        show(rows, listing(by), asked, on.look, on.footer)

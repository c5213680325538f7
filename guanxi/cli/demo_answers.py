"""What the demo shows of a log: what was not right, tiers and how they moved, one customer."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click

from guanxi.cli.asking import Page
from guanxi.cli.customer import load_page, put_page
from guanxi.cli.demo_months import DOWN, UP, months_of, months_table
from guanxi.cli.render import Column, Look, Row, put_table, standing, term, text
from guanxi.cli.words import ALERTS, Words


def heading(words: Words, beside: str = "") -> None:
    """The heading of a step."""
    click.echo()
    click.secho(f"{words}{beside}", bold=True)


def put_tiers(on: Page) -> None:
    """How many customers are on each level."""
    closed = on.basis.freshness.closed_through
    heading(Words("等级分布", "Tiers now"), f" · {closed}" if closed else "")
    put_table(tiers_now(on), TIERS, on.look)


def put_history(on: Page) -> tuple[str, str]:
    """How tiers moved, and the page of one customer; -> who that is, and a day in the past on which it looked otherwise."""
    changes = list(on.views.tier_changes())
    if changes:
        heading(Words("逐月变动", "Tier changes month by month"))
        click.echo("\n".join(months_table(months_of(changes))))
    shown = worth_showing(changes) or str(next(on.views.tiers())["customer_id"])
    heading(Words("一位客户", "One customer"))
    put_page(load_page(on, shown), on, brief=True)
    of_shown = [change["effective_date"] for change in changes if change["customer_id"] == shown]
    if not of_shown:
        return shown, on.basis.freshness.closed_through or "2025-01-01"
    return shown, (dt.date.fromisoformat(of_shown[-1]) - dt.timedelta(days=1)).isoformat()


# ---------------------------------------------------------------------------------------------- tiers


def tiers_now(on: Page) -> list[Row]:
    """A row a level, the highest first: how many customers, and how much of the bank's money they hold."""
    spots = {row["customer_id"]: row["spot"] for row in on.views.aum()}
    people: Counter[tuple[str, str | None]] = Counter()
    held: Counter[tuple[str, str | None]] = Counter()
    for row in on.views.tiers():
        place = (row["state"], row["level"])
        people[place] += 1
        held[place] += spots.get(row["customer_id"], 0)
    ladder = list(on.look.levels)

    def rank(place: tuple[str, str | None]) -> tuple[int, int]:
        state, level = place
        return STATES_FROM_TOP.index(state), -ladder.index(level) if level in ladder else 0

    everyone, all_held = people.total(), held.total()
    rows = [
        {
            "state": place[0],
            "level": place[1],
            "customers": people[place],
            "of_customers": share(people[place], everyone),
            "spot": held[place],
            "of_spot": share(held[place], all_held),
        }
        for place in sorted(people, key=rank)
    ]
    return [*rows, {"state": "all", "level": None, "customers": everyone, "of_customers": "", "spot": all_held,
                    "of_spot": ""}]  # fmt: skip


STATES_FROM_TOP: Final = ("vip", "special", "lapsed", "ordinary")


def share(part: int, whole: int) -> str:
    """A part in per cent with one digit; - of nothing."""
    if whole <= 0:
        return "-"
    tenths = (2_000 * part + whole) // (2 * whole)
    return f"{tenths // 10}.{tenths % 10}%" if part >= 0 else "-"


def _tier(row: Row, look: Look) -> str:
    return str(Words("合计", "Total")) if row["state"] == "all" else standing(row, look)


def _whole(row: Row, look: Look) -> str:
    return look.money(row["spot"]).partition(".")[0]


TIERS: Final = (
    Column(Words("等级", "Level"), _tier),
    Column(Words("客户数", "Customers"), lambda row, _: f"{row['customers']:,}", right=True),
    Column(Words("占比", "Share"), text("of_customers"), right=True),
    Column(Words("金融资产", "AUM"), _whole, right=True),
    Column(Words("占比", "Share"), text("of_spot"), right=True),
)

# ---------------------------------------------------------------------------------------------- one customer


def worth_showing(changes: Iterable[Mapping[str, Any]]) -> str | None:
    """The customer with the best story: most turns between up and down, then kinds, then changes, then the lowest id."""
    stories: dict[str, list[str]] = {}
    for change in changes:
        stories.setdefault(change["customer_id"], []).append(change["kind"])

    def worth(customer_id: str) -> tuple[int, int, int]:
        story = stories[customer_id]
        ways = [kind in UP for kind in story if kind in {*UP, *DOWN}]
        return sum(before != after for before, after in pairwise(ways)), len({*story}), len(story)

    return max(sorted(stories), key=worth, default=None)


# ---------------------------------------------------------------------------------------------- not right


def put_not_right(on: Page) -> None:
    """Refusals by reason with an example of each, and alerts by kind; what was compared and agreed."""
    counts = on.views.counts()
    refused = counts["refused"]
    heading(
        Words("拒绝", "Refused"), f" · {sum(refused.values()):,} of {_all(counts):,} records, none stops the others"
    )
    if refused:
        put_table(_refused(refused, on.views.rejected()), REFUSED, on.look)
    heading(Words("核对提示", "Integrity alerts"))
    click.echo(_compared(counts["taken"]))
    alerts: dict[str, list[Row]] = {}
    for alert in on.views.alerts():
        alerts.setdefault(alert["kind"], []).append(alert)
    if not alerts:
        click.echo("相符 all agree")
        return
    put_table(
        ({"kind": kind, "count": len(found), **found[0]} for kind, found in sorted(alerts.items())), ALERTED, on.look
    )


def _all(counts: Mapping[str, Mapping[str, int]]) -> int:
    return sum(sum(numbers.values()) for numbers in counts.values())


def _compared(taken: Mapping[str, int]) -> str:
    stated, closes = taken.get("balance_stated", 0), taken.get("business_day_closed", 0)
    return f"compared: {stated:,} balances as the bank's systems state them, the totals of {closes:,} closes"


def _refused(refused: Mapping[str, int], rejected: Iterable[Row]) -> Iterator[Row]:
    examples: dict[str, Row] = {}
    for row in rejected:
        examples.setdefault(row["reason"], row)
        if len(examples) == len(refused):
            break
    for reason, count in sorted(refused.items()):
        yield {"reason": reason, "count": count, "example": examples[reason]}


def _example(row: Row, _: Look) -> str:
    example = row["example"]
    says = f"{example['field']}: {example['detail']}" if example["field"] else example["detail"]
    named = f", {example['event_id']}" if example["event_id"] else ""
    return f"{says}\n{Path(example['file']).name}, line {example['line']:,}{named}"


REFUSED: Final = (
    Column(Words("原因", "Reason"), text("reason")),
    Column(Words("笔数", "Count"), lambda row, _: f"{row['count']:,}", right=True),
    Column(Words("例如", "For example"), _example),
)
ALERTED: Final = (
    Column(Words("核对提示", "Alert"), term("kind", ALERTS)),
    Column(Words("次数", "Count"), lambda row, _: f"{row['count']:,}", right=True),
    Column(Words("例如：客户", "For example"), text("customer_id")),
    Column(Words("日期", "Date"), text("date")),
    Column(Words("账户", "Account"), text("account_id")),
)

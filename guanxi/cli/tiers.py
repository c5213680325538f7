"""`guanxi tiers`: every customer's tier."""

from collections.abc import Iterator

import click

from aggregates.dates import Day
from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.past import any_day
from guanxi.cli.render import Column, Listing, Look, Row, amount, count, months, show, standing, text
from guanxi.cli.words import KINDS, Words
from projections.forecast import FORETOLD
from projections.moment import KnownAt

LISTING = Listing(
    ("customer_id", "state", "level", "watch", "below_entry", "grace_left", "until", "since", "policy_version"),
    (
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("等级", "Level"), standing),
        Column(Words("降级关注期", "Watch"), count("watch"), right=True),
        Column(Words("低于门槛", "Below entry"), count("below_entry"), right=True),
        Column(Words("宽限", "Grace left"), count("grace_left"), right=True),
        Column(Words("特殊至", "Until"), text("until")),
        Column(Words("自", "Since"), text("since")),
        Column(Words("政策", "Policy"), text("policy_version")),
    ),
)


def at_month_end(row: Row, look: Look) -> str:
    """What the close of the month would make of a customer, and the months counted by then; - for nothing."""
    count = row["end_watch"] or row["end_below_entry"] or row["end_grace_left"]
    counted = f"，{months(count)}" if count else ""
    if row["kind"] is None:
        return f"{Words('累计', 'Counted')}{counted}" if count and row["days_left"] else "-"
    kind, end = KINDS[row["kind"]], {"state": row["end_state"], "level": row["end_level"]}
    same = end == {"state": row["state"], "level": row["level"]}
    return f"{kind}{counted}" if same else f"{kind} → {standing(end, look)}{counted}"


def to_reach(row: Row, look: Look) -> str:
    """The top-up to the next level, and which that is."""
    return "-" if row["reach"] is None else f"{look.money(row['reach'])} {look.level(row['reach_level'])}"


def level_of(row: Row, look: Look) -> str:
    """State and level, of a special one below the other."""
    return standing(row, look).replace(" · ", "\n")


def at_stake(row: Row, look: Look) -> Iterator[str]:
    """What the month's end brings, and how far a fall is; nothing of whom neither is known."""
    end = at_month_end(row, look)
    if end != "-":
        yield f"{Words('如余额不变，月末', 'At month end, if all stays')}：{end}"
    left = [
        f"{words} {months(row[key])}"
        for words, key in ((Words("距降级", "To downgrade"), "to_downgrade"), (Words("距退出", "To exit"), "to_exit"))
        if row[key]
    ]
    if left:
        yield "，".join(left)


FORECAST = Listing(
    ("customer_id", "state", "level", "until", *FORETOLD),
    (
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("等级", "Level"), level_of),
        Column(Words("预计月日均", "Projected average"), amount("projected"), right=True),
        Column(Words("保级需增", "Top-up to hold"), amount("hold"), right=True),
        Column(Words("升级需增", "Top-up to reach"), to_reach, right=True),
    ),
    below=at_stake,
)


@click.command("tiers")
@click.option("--forecast", is_flag=True, help="Where the month is heading, if every balance stays as it is.")
@any_day
@common
@click.pass_obj
def command(asked: Asked, forecast: bool, as_of: Day, known_at: KnownAt | None) -> None:
    """Every customer's tier: the newest decision, even if it takes effect tomorrow, or that in effect on a date.

    Watch: months in a row below the own level. Below entry: months in a row below the lowest one.

    With --forecast: the average that this month is heading for, what its close would do, the amounts to hold in addition
    from tomorrow to month end for the own level and for the next one, and of a VIP who misses months in how many more the
    downgrade and the exit come.
    """
    with page(asked, as_of, known_at) as on:
        rows, listing = (on.views.forecast(on.at), FORECAST) if forecast else (on.views.tiers(at=on.at), LISTING)
        show(rows, listing, asked, on.look, on.footer)

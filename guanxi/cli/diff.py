"""`guanxi diff`: what changed about one customer between two days, and by which movements."""

import sys
from collections.abc import Iterator
from typing import Any, Final

import click
from rich.text import Text

from aggregates.as_of import balance_minor
from aggregates.customer import Customer
from aggregates.dates import Day, first_day, iso
from guanxi.cli.asking import Page, known, page
from guanxi.cli.options import Asked, common
from guanxi.cli.past import a_day
from guanxi.cli.past import known_at as known_at_option
from guanxi.cli.render import Column, Look, amount, console, put_json_lines, put_table, term, text
from guanxi.cli.replay import event_of, past_of, steps_of, stood
from guanxi.cli.tier_changes import LISTING as CHANGES
from guanxi.cli.words import CATEGORIES, LINES, Words
from processors.past import Step
from projections.moment import KnownAt, Moment
from projections.tiers import TiersAt

Row = dict[str, Any]

MOVEMENTS_SHOWN: Final = 12

CHANGED = (
    Column(Words("之前", "Before"), amount("before"), right=True),
    Column(Words("之后", "After"), amount("after"), right=True),
    Column(Words("变动", "Change"), amount("change"), right=True),
)
ACCOUNTS = (
    Column(Words("账户", "Account"), text("account_id")),
    Column(Words("资产类别", "Category"), term("category", CATEGORIES)),
    *CHANGED,
)
MOVEMENTS = (
    Column(Words("起息日", "Value date"), text("value_date")),
    Column(Words("事件", "Event"), term("type", LINES)),
    Column(Words("账户", "Account"), text("account_id")),
    Column(Words("编号", "Event id"), text("event_id")),
    Column(Words("金额", "Amount"), amount("amount"), right=True),
)


@click.command("diff")
@click.argument("customer_id", metavar="ID")
@click.argument("start", metavar="DAY", callback=a_day)
@click.argument("end", metavar="DAY", callback=a_day)
@known_at_option
@common
@click.pass_obj
def command(asked: Asked, customer_id: str, start: Day, end: Day, known_at: KnownAt | None) -> None:
    """What changed about one customer between the ends of two days, by what is known now, and which movements did it.

    The movements add up to the change. --format jsonl gives one JSON object, amounts in minor units.
    """
    how = asked.rows(is_terminal=sys.stdout.isatty())
    if how == "csv":
        raise click.UsageError("a comparison has no CSV form: take --format table or jsonl")
    if start > end:
        raise click.UsageError(f"{iso(start)} is later than {iso(end)}: name the earlier day first")
    with page(asked, known_at=known_at, customer_id=customer_id) as on:
        found = difference(on, customer_id, start, end)
        if how == "jsonl":
            put_json_lines([found])
        else:
            put_difference(found, on)


def difference(on: Page, customer_id: str, start: Day, end: Day) -> Row:
    """What changed between the ends of two days, minor units; the movements are those valued after the first.

    Raises FoundWrong for a customer never heard of, NothingKnown for a day before the first month of the log.
    """
    known(on, customer_id)
    at = [on.views.moment(day, on.basis.block) for day in (start, end)]
    past = past_of(on, customer_id)
    told = list(steps_of(on, past))
    customer = past.customer
    balances = [_balances(customer, moment) for moment in at]
    accounts = [
        {"account_id": name, "category": account.category, **_change(*(found[name] for found in balances))}
        for name, account in sorted(customer.accounts.items())
        if any(found[name] for found in balances)
    ]
    before, after = ({k: v for k, v in TiersAt(moment).row(customer).items() if k != "customer_id"} for moment in at)
    return {
        "customer_id": customer_id,
        "from": iso(start),
        "to": iso(end),
        "aum": _change(*(sum(found.values()) for found in balances)),
        "accounts": accounts,
        "tier": {"before": before, "after": after},
        "tier_changes": [
            change for change in on.views.tier_changes(customer_id, at=at[1]) if iso(start) < change["effective_date"]
        ],
        "movements": list(_movements(told, start, end, first_day(on.basis.first_month) if on.basis.first_month else 0)),
        "as_of_block": on.basis.block,
    }


def _balances(customer: Customer, at: Moment) -> dict[str, int]:
    first = at.known.basis.first_month
    return {name: balance_minor(account, at.as_of, first) for name, account in customer.accounts.items()}


def _change(before: int, after: int) -> dict[str, int]:
    return {"before": before, "after": after, "change": after - before}


def _movements(told: list[Step], start: Day, end: Day, first: Day) -> Iterator[Row]:
    """What moved between the ends of two days, in log order; value dates before F count as its first day."""
    for step in told:
        for name, day, minor in step.moved:
            if start < max(day, first) <= end:
                yield {
                    "line": step.log_line,
                    "type": step.line.__struct_config__.tag,
                    **event_of(step.line),
                    "account_id": name,
                    "value_date": iso(day),
                    "amount": minor,
                }


def put_difference(found: Row, on: Page) -> None:
    """Put the comparison on the terminal."""
    to, look = console(), on.look
    to.print(Text(f"客户 Customer {found['customer_id']}  {found['from']} → {found['to']}", style="bold"))
    to.print(Text(f"  等级 Level  {stood(found['tier']['before'], found['tier']['after'], look)}"))
    aum = found["aum"]
    to.print(
        Text(
            f"  金融资产 AUM  {look.money(aum['before'])} → {look.money(aum['after'])}  ({_signed(aum['change'], look)})"
        )
    )
    to.print()
    put_table(found["accounts"], ACCOUNTS, look, to)
    if found["tier_changes"]:
        to.print(Text("\n等级变动 Tier changes", style="bold"))
        put_table(found["tier_changes"], CHANGES.columns[1:], look, to)
    movements = sorted(found["movements"], key=lambda row: -abs(row["amount"]))
    to.print(Text(f"\n变动明细 Largest of {len(movements)} movements", style="bold"))
    put_table(movements[:MOVEMENTS_SHOWN], MOVEMENTS, look, to)
    rest = sum(row["amount"] for row in movements[MOVEMENTS_SHOWN:])
    if len(movements) > MOVEMENTS_SHOWN:
        to.print(Text(f"  其余 the other {len(movements) - MOVEMENTS_SHOWN}: {_signed(rest, look)}"))
    click.echo(f"\n{on.footer}")


def _signed(minor: int, look: Look) -> str:
    return ("+" if minor > 0 else "") + look.money(minor)

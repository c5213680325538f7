"""`guanxi customer`: everything about one customer on a page."""

import sys
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from aggregates.dates import Day
from aggregates.policy import Policies
from events.decisions import MonthRestated
from guanxi.cli.asking import Page, known, page
from guanxi.cli.curve import curve_of
from guanxi.cli.customer_page import page_of
from guanxi.cli.customer_profile import CONSENTS, MANAGERS, is_said_by, profile_of, told
from guanxi.cli.loans import COLUMNS as LOANS
from guanxi.cli.options import Asked, common
from guanxi.cli.past import any_day
from guanxi.cli.relations_page import is_later, loans_and_relations, relations_lines
from guanxi.cli.render import (
    Column,
    Look,
    Row,
    amount,
    console,
    level,
    months,
    pairs,
    put_json_lines,
    put_table,
    standing,
    term,
    text,
)
from guanxi.cli.replay import past_of
from guanxi.cli.tier_changes import LISTING as CHANGES
from guanxi.cli.triggers import LISTING as TRIGGERS
from guanxi.cli.words import ALERTS, CATEGORIES, KINDS, STATES, Words
from projections.moment import KnownAt

ACCOUNTS = (
    Column(Words("账户", "Account"), text("account_id")),
    Column(Words("资产类别", "Category"), term("category", CATEGORIES)),
    Column(Words("开户", "Opened"), text("opened")),
    Column(Words("销户", "Closed"), text("closed")),
    Column(Words("余额", "Balance"), amount("balance"), right=True),
)
RESTATEMENTS = (
    Column(Words("月份", "Month"), text("month")),
    Column(Words("重算前", "Sum before"), amount("before"), right=True),
    Column(Words("重算后", "Sum after"), amount("after"), right=True),
    Column(Words("原因", "Cause"), lambda row, _: f"{row['cause']['source']} {row['cause']['event_id']}"),
)
MONTHS = (
    Column(Words("月份", "Month"), text("month")),
    Column(Words("月日均", "Average"), amount("average"), right=True),
    Column(Words("达到等级", "Level reached"), level("reached")),
)
ALERT_COLUMNS = (
    Column(Words("核对提示", "Alert"), term("kind", ALERTS)),
    Column(Words("日期", "Date"), text("date")),
    Column(Words("账户", "Account"), text("account_id")),
    Column(Words("应为", "Expected"), text("expected"), right=True),
    Column(Words("实为", "Actual"), text("actual"), right=True),
    Column(Words("编号", "Event id"), text("event_id")),
)


@click.command("customer")
@click.argument("customer_id", metavar="ID")
@any_day
@common
@click.pass_obj
def command(asked: Asked, customer_id: str, as_of: Day, known_at: KnownAt | None) -> None:
    """Everything about one customer: accounts, AUM, month averages, tier, what the month still asks, tier changes.

    --format jsonl gives the page as one JSON object, amounts in minor units.
    """
    how = asked.rows(is_terminal=sys.stdout.isatty())
    if how == "csv":
        raise click.UsageError("a page has no CSV form: take --format table or jsonl")
    with page(asked, as_of, known_at, customer_id) as on:
        found = load_page(on, customer_id)
        if how == "jsonl":
            put_json_lines([found])
        else:
            put_page(found, on)


def load_page(on: Page, customer_id: str) -> dict[str, Any]:
    """The page of a customer. Raises FoundWrong for one never heard of."""
    known(on, customer_id)
    past, who, restated = past_of(on, customer_id), past_of(on, customer_id), []
    for _, _, line in on.bank.lines_of(customer_id, on.basis.block):
        if not on.at.as_of or not is_later(line, on.at.as_of):
            past.add(line)
        if is_said_by(line, on.at.as_of):
            who.add(line)
        if isinstance(line, MonthRestated):
            restated.append(line)
    changes = list(on.views.tier_changes(customer_id, at=on.at))
    alerts = on.views.alerts(customer_id, on.at)
    found = page_of(past.customer, on.at, restated, changes, alerts, profile_of(who.customer.profile, on.at.as_of))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    triggers = list(on.views.triggers(customer_id, at=on.at, standing=True))
    return {**found, "triggers": triggers, **loans_and_relations(past.customer, on.at.as_of, now)}


def put_page(found: dict[str, Any], on: Page, *, brief: bool = False) -> None:
    """Put the page on the terminal. brief: months as a curve alone, no restatements, not how fresh it is."""
    to, look = console(), on.look
    to.print(Text(f"客户 Customer {found['customer_id']}", style="bold"))
    for words, value in pairs([*_tier(found["tier"], look), *_money(found, look)]):
        to.print(Text(f"  {words}  {value}"))
    if found["profile"]:
        _put_profile(found["profile"], to, look)
    _section(to, Words("账户", "Accounts"))
    put_table(found["accounts"], ACCOUNTS, look, to)
    _put_loans_and_relations(found, to, look)
    if found["months"]:
        _section(to, Words("月日均", "Month averages"))
        to.print(Text(curve_of(found, Policies(on.basis.policies), look, to.width)))
        if not brief:
            to.print()
            put_table(found["months"], MONTHS, look, to)
    if found["outlook"]:
        _section(to, Words("本月", f"This month, through {found['outlook']['date']}"))
        for words, value in pairs(_outlook(found["outlook"], look)):
            to.print(Text(f"  {words}  {value}"))
    if found["triggers"]:
        _section(to, Words("待办预警", "Triggers that stand"))
        put_table(found["triggers"], TRIGGERS.columns[1:], look, to, below=TRIGGERS.below)
    if found["tier_changes"]:
        _section(to, Words("等级变动", "Tier changes"))
        put_table(found["tier_changes"], CHANGES.columns[1:], look, to)
    if found["restatements"] and not brief:
        _section(to, Words("追溯重算", "Restated months"))
        put_table(found["restatements"], RESTATEMENTS, look, to)
    if found["alerts"]:
        _section(to, Words("核对提示", "Integrity alerts"))
        put_table(found["alerts"], ALERT_COLUMNS, look, to)
    if not brief:
        click.echo(f"\n{on.footer}")


def _put_profile(found: Row, to: Console, look: Look) -> None:
    for words, value in pairs(told(found)):
        to.print(Text(f"  {words}  {value}"))
    for rows, columns, heading in (
        (found["managers"], MANAGERS, Words("客户经理", "Customer managers")),
        (found["consents"], CONSENTS, Words("授权", "Consents")),
    ):
        if rows:
            _section(to, heading)
            put_table(rows, columns, look, to)


def _put_loans_and_relations(found: dict[str, Any], to: Console, look: Look) -> None:
    if found["loans"]:
        _section(to, Words("贷款", "Loans"))
        put_table(found["loans"], LOANS, look, to)
    if found["relations"]:
        _section(to, Words("往来", "Relations"))
        for words, value in pairs(relations_lines(found["relations"])):
            to.print(Text(f"  {words}  {value}"))


def _section(to: Console, words: Words) -> None:
    to.print()
    to.print(Text(str(words), style="bold"))


def _tier(tier: Row, look: Look) -> list[tuple[Words, str]]:
    rows = [(Words("状态", "State"), str(STATES.get(tier["state"], tier["state"])))]
    if tier["level"]:
        rows.append((Words("等级", "Level"), look.level(tier["level"])))
    if tier["since"]:
        rows.append((Words("自", "Since"), tier["since"]))
    if tier["state"] == "vip":
        rows.append((Words("降级关注期", "Watch"), months(tier["watch"])))
        rows.append((Words("低于门槛", "Below entry"), months(tier["below_entry"])))
    if tier["state"] == "lapsed":
        rows.append((Words("宽限", "Grace left"), months(tier["grace_left"])))
    if tier["until"]:
        rows.append((Words("特殊至", "Until"), tier["until"]))
    rows.append((Words("政策", "Policy"), tier["policy_version"] or "-"))
    return rows


def _money(found: dict[str, Any], look: Look) -> list[tuple[Words, str]]:
    aum = found["aum"]
    if aum["spot"] is None:
        return [(Words("金融资产", "AUM"), "-")]
    total = look.money(aum["spot"])
    rows = [(Words("金融资产", "AUM"), f"{total} {look.currency}")]
    width = len(total)
    for category, minor in aum["by_category"].items():
        words = CATEGORIES.get(category, Words(category, category))
        rows.append((Words(f"  {words.zh}", words.en), f"{look.money(minor):>{width}}"))
    return rows


def _outlook(found: Row, look: Look) -> list[tuple[Words, str]]:
    rows = [
        (Words("月初至今日均", "Month to date"), look.money(found["month_to_date"])),
        (Words("预计月日均", "Projected average"), look.money(found["projected"])),
    ]
    for key, words in (("hold", Words("保级需增", "Top-up to hold")), ("reach", Words("升级需增", "Top-up to reach"))):
        top_up = found[key]
        if top_up is not None and found["days_left"]:
            rows.append((words, f"{look.level(top_up['level'])}  {_asked(top_up['amount'], found['days_left'], look)}"))
    if found["days_left"]:
        rows.append((Words("如余额不变，月末", "At month end, if all stays"), _month_end(found["month_end"], look)))
    for key, words in (
        ("to_downgrade", Words("距降级", "Until downgrade")),
        ("to_exit", Words("距退出", "Until exit")),
    ):
        if found[key] is not None:
            rows.append((words, f"{months(found[key])}，如每月都未达标 if every month is missed"))
    return rows


def _month_end(moves: list[Row], look: Look) -> str:
    """What the close of the month would do."""
    if not moves:
        return "不变 no change"
    told = []
    for move in moves:
        count = move["watch"] or move["below_entry"] or move["grace_left"]
        kind = KINDS[move["kind"]] if move["kind"] else Words("累计", "Counted")
        counted = f"，{months(count)}" if count else ""
        told.append(f"{kind} → {standing(move, look)}{counted}")
    return "; ".join(told)


def _asked(minor: int, days_left: int, look: Look) -> str:
    if not minor:
        return "已够 nothing more"
    return f"{look.money(minor)}  自明日起 from tomorrow, {days_left} day{'' if days_left == 1 else 's'}"

"""`guanxi demo`: a small bank through the whole system, from records to answers."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click

from guanxi import simulator
from guanxi.bootstrap import open_bank
from guanxi.cli.asking import Page, page
from guanxi.cli.customer import load_page, put_page
from guanxi.cli.options import Asked, common
from guanxi.cli.progress import Running, summary
from guanxi.cli.render import Column, Row, level, put_table, term, text
from guanxi.cli.tier_changes import LISTING as CHANGES
from guanxi.cli.words import ALERTS, STATES, Words
from guanxi.cli.writing import write_lines
from guanxi.errors import UserError
from guanxi.importers import berka
from guanxi.settings import Settings, log_url

SEED: Final = 7
CUSTOMERS: Final = 500
DAYS: Final = 440
"""Fourteen months and a half: long enough for a watch, a downgrade and an exit."""
CHANGES_SHOWN: Final = 8


class Bank(NamedTuple):
    """Where the demo's records come from."""

    name: str
    lines: Iterator[bytes]
    policy: Path


@click.command("demo")
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take the public bank data of DIR instead of a made-up bank.",
)
@click.option(
    "--keep", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Work in DIR, a new folder."
)
@click.option(
    "--customers", type=click.IntRange(1, 999_999), default=CUSTOMERS, show_default=True, help="Of the made-up bank."
)
@common
@click.pass_obj
def command(asked: Asked, data: Path | None, keep: Path | None, customers: int) -> None:
    """A small bank through the whole system: records, log, tiers, one customer's page.

    Without --keep the log stays in a new temporary folder, which is named at the end.
    """
    bank = bank_of(data, customers)
    folder = working_folder(keep)
    records = folder / "records.jsonl"
    click.secho(f"1. Records: {bank.name}", bold=True)
    write_lines(bank.lines, str(records))
    settings = Settings(log=log_url(folder / "demo.db"), policy=asked.settings().policy or bank.policy)
    heading("2. Into the log: days close, tiers are decided")
    ingest(settings, records)
    with page(Asked(log=settings.log)) as on:
        shown = put_answers(on)
        click.echo(f"\n{on.footer}")
    if data is None:
        heading("7. The same records once more: none is taken twice")
        ingest(settings, records)
    if keep is None:
        records.unlink()
    put_next(settings, shown)


def bank_of(data: Path | None, customers: int) -> Bank:
    """The bank asked for."""
    if data is not None:
        return Bank(f"the public bank data of {data}", berka.records(data), berka.POLICY_FILE)
    lines = simulator.records(customers, DAYS, SEED, malformed=True)
    return Bank(f"a made-up bank, {customers:,} customers, {DAYS} days", lines, simulator.POLICY_FILE)


def working_folder(keep: Path | None) -> Path:
    """A temporary folder, or the one asked for, made now. Raises UserError where a demo has been already."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="guanxi-demo-"))
    if (keep / "demo.db").exists():
        raise UserError("holds a demo already", str(keep), "name a new folder, or delete this one")
    keep.mkdir(parents=True, exist_ok=True)
    return keep.absolute()


def ingest(settings: Settings, records: Path) -> None:
    """Take the records in; the key of the demo's own log is nothing to keep, so nothing is said of it."""
    with open_bank(settings, write=True) as bank, Running("ingest") as running:
        counts = bank.ingest([str(records)], running)
    click.echo(summary(counts.taken, counts.duplicate, counts.refused, running.seconds))


def heading(text: str) -> None:
    """The heading of a step."""
    click.secho(f"\n{text}", bold=True)


def put_answers(on: Page) -> str:
    """What the log answers; -> the customer whose page was shown."""
    heading("3. Customers by tier")
    put_table(({"state": s, "level": lv, "customers": n} for s, lv, n in on.views.levels()), LEVELS, on.look)
    latest = on.views.latest_tier_changes(CHANGES_SHOWN)
    heading("4. The latest tier changes")
    put_table(latest, CHANGES.columns, on.look)
    heading("5. What did not add up")
    put_table(_odd(on), ODD, on.look)
    shown = _worth_showing(on, latest)
    heading("6. One customer")
    put_page(load_page(on, shown), on, footer=False)
    return shown


LEVELS = (
    Column(Words("状态", "State"), term("state", STATES)),
    Column(Words("等级", "Level"), level("level")),
    Column(Words("客户数", "Customers"), lambda row, _: f"{row['customers']:,}", right=True),
)
ODD = (
    Column(Words("类别", "Kind"), text("kind")),
    Column(Words("原因", "Reason"), text("reason")),
    Column(Words("笔数", "Count"), lambda row, _: f"{row['count']:,}", right=True),
)


def _odd(on: Page) -> Iterator[Row]:
    for reason, count in on.views.counts()["refused"].items():
        yield {"kind": "拒绝 refused", "reason": reason, "count": count}
    alerts: dict[str, int] = {}
    for alert in on.views.alerts():
        alerts[alert["kind"]] = alerts.get(alert["kind"], 0) + 1
    for kind, count in sorted(alerts.items()):
        yield {"kind": "核对提示 alert", "reason": str(ALERTS.get(kind, kind)), "count": count}


def _worth_showing(on: Page, latest: list[dict[str, object]]) -> str:
    """Of the customers whose tier changed last the one with the longest story; else the first one."""
    found = max(latest, key=lambda change: (change["sequence"], change["customer_id"]), default=None)
    if found is not None:
        return str(found["customer_id"])
    return str(next(on.views.tiers())["customer_id"])


def put_next(settings: Settings, customer_id: str) -> None:
    """Three commands to go on with."""
    log = f"guanxi --log {settings.log}"
    click.secho(f"\nThe log is {settings.log_file}. Go on with:", bold=True)
    click.echo(f"  {log} customer {customer_id}")
    click.echo(f"  {log} tier-changes --customer {customer_id} --format jsonl")
    click.echo(f"  {log} rebuild --check")

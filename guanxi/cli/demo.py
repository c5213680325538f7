"""`guanxi demo`: a small bank through the whole system, from records to answers."""

import datetime as dt
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import click

from guanxi import simulator
from guanxi.bootstrap import open_bank
from guanxi.cli.asking import Page, page
from guanxi.cli.demo_answers import heading, put_history, put_not_right, put_tiers
from guanxi.cli.demo_triggers import Case, claim, put_triggers, put_worth
from guanxi.cli.options import Asked, Existing, common
from guanxi.cli.progress import Running, rate, summary
from guanxi.cli.render import pairs
from guanxi.cli.words import Words
from guanxi.errors import UserError
from guanxi.importers import berka
from guanxi.settings import Settings, log_url
from guanxi.simulator.person import Truth

SEED: Final = 1
CUSTOMERS: Final = 300
"""Beside those who live through a story, fifteen for a hundred."""
DAYS: Final = 424
"""Fourteen months: long enough for a watch, a downgrade and an exit."""
AGAIN: Final = 10_000
"""So many records are taken a second time, to show that nothing comes of it."""
LOG, RECORDS, LAST_CLOSE = "demo.db", "records.jsonl", "last-close.jsonl"
NEXT: Final = (
    (Words("客户经理的待办", "All that this manager has to do today"), "worklist {whose}"),
    (Words("换一天看", "The same customer, on a day in the past"), "customer {customer} --as-of {day}"),
    (Words("每次变动的依据", "Every change and the months it rests on, for other programs"),
     "tier-changes --customer {customer} --format jsonl"),
    (Words("从账本重算", "Everything derived made anew from the log, and compared"), "rebuild --check"),
)  # fmt: skip
"""What to try next: words, and the command behind the name of the log."""
_CLOSE: Final = b'"type":"business_day_closed"'


class Source(NamedTuple):
    """Where the demo's records come from. days: of the calendar, 0 if not known; truth: filled in once all lines are read."""

    name: str
    lines: Iterator[bytes]
    policy: Path
    days: int
    truth: list[Truth]


class Reached(NamedTuple):
    """Records that were taken, seconds that it took, and of these the seconds of the last close."""

    records: int
    taken_s: float
    close_s: float


@click.command("demo")
@click.option(
    "--data",
    metavar="DIR",
    type=Existing(folder=True),
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
    """A small bank through the whole system: records, log, tiers, whom to call today and why, one customer's page.

    Without --keep the log stays in a new temporary folder, which is named at the end.
    """
    source = source_of(data, customers)
    folder = working_folder(keep)
    try:
        show(source, folder, asked.settings().policy or source.policy)
        if keep is None:
            for name in (RECORDS, LAST_CLOSE):
                (folder / name).unlink(missing_ok=True)
    except BaseException:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def show(source: Source, folder: Path, policy: Path) -> None:
    """The whole demo, in a folder that is there."""
    settings = Settings(log=log_url(folder / LOG), policy=policy)
    click.secho("关系 guanxi · from the records of a bank to whom to call today, and why", bold=True)
    heading(Words("记录", "Records"), f" · {source.name}")
    save(source, folder)
    heading(Words("入账", "Into the log"), " · business days close, months end, tiers and triggers are decided")
    reached = take(settings, folder)
    with page(Asked(log=settings.log)) as on:
        put_not_right(on)
        put_tiers(on)
        case = put_triggers(on)
    if case is not None:
        claim(settings, case)
    with page(Asked(log=settings.log)) as on:
        if case is not None:
            put_worth(on, source.truth)
        shown, day = put_history(on)
        heading(Words("速度", "Rates reached"), " · on one core of this machine")
        for words, value in pairs(rates(on, reached, folder)):
            click.echo(f"  {words}  {value}")
        footer = on.footer
    records, with_effect = again(settings, folder)
    heading(Words("再入一遍", "Taken again"), f" · the first {records:,} records: {with_effect:,} had an effect")
    click.echo(f"\n{footer}")
    put_next(settings, shown, day, case)


def source_of(data: Path | None, customers: int) -> Source:
    """The bank asked for."""
    truth: list[Truth] = []
    if data is not None:
        return Source(f"the public bank data of {data}", berka.records(data), berka.POLICY_FILE, 0, truth)
    blocks = simulator.blocks(customers, DAYS, SEED, malformed=True, truth=truth)
    lines = (line for block in blocks for line in block.splitlines())
    name = f"a made-up bank, {customers:,} customers and some more who leave or only look so, 14 months"
    return Source(name, lines, simulator.POLICY_FILE, DAYS, truth)


def working_folder(keep: Path | None) -> Path:
    """A temporary folder, or the one asked for, made now. Raises UserError where a demo has been already."""
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="guanxi-demo-"))
    if (keep / LOG).exists():
        raise UserError("holds a demo already", str(keep), "name a new folder, or delete this one")
    keep.mkdir(parents=True, exist_ok=True)
    return keep.absolute()


# ---------------------------------------------------------------------------------------------- records in


def save(source: Source, folder: Path) -> None:
    """Write the records into the folder, the closes at their end into a file of their own, so that they can be timed."""
    size = records = 0
    first: dt.date | None = None
    held: list[bytes] = []
    with Running("records") as running, (folder / RECORDS).open("wb") as file:
        for line in source.lines:
            records += 1
            size += len(line) + 1
            if _CLOSE in line:
                held.append(line)
                day = dt.date.fromisoformat(line.rpartition(b'"date":"')[2][:10].decode())
                first = first or day
                running.days((day - first).days + 1, source.days or None)
                continue
            if held:
                file.write(b"\n".join(held) + b"\n")
                held.clear()
            file.write(line + b"\n")
        (folder / LAST_CLOSE).write_bytes(b"".join(line + b"\n" for line in held))
    click.echo(f"{records:,} records, {_megabytes(size)} · {running.seconds:,.1f} s, {rate(records, running.seconds)}")


def take(settings: Settings, folder: Path) -> Reached:
    """Take the records in; the key of the demo's own log is nothing to keep, so nothing is said of it."""
    with open_bank(settings, write=True) as bank:
        with Running("ingest") as running:
            bank.ingest([str(folder / RECORDS)], running)
        began = time.perf_counter()
        counts = bank.ingest([str(folder / LAST_CLOSE)])
        close_s = time.perf_counter() - began
    records = counts.taken + counts.duplicate + counts.refused
    reached = Reached(records, running.seconds + close_s, close_s)
    click.echo(summary(counts.taken, counts.duplicate, counts.refused, reached.taken_s))
    return reached


def again(settings: Settings, folder: Path) -> tuple[int, int]:
    """Take some of the records a second time; -> how many, and how many of them had an effect."""
    with open_bank(settings, write=True) as bank, (folder / RECORDS).open("rb") as file:
        counts = bank.ingest_lines("again", (line.rstrip(b"\n") for line in islice(file, AGAIN)))
    return counts.taken + counts.duplicate + counts.refused, counts.taken


# ---------------------------------------------------------------------------------------------- the end


def rates(on: Page, reached: Reached, folder: Path) -> Iterator[tuple[Words, str]]:
    """What was measured on the way."""
    status = on.bank.status()
    log_bytes = status.stored_bytes
    all_bytes = sum(file.stat().st_size for file in folder.iterdir() if file.name.startswith(LOG))
    yield Words("入账", "Taken"), f"{rate(reached.records, reached.taken_s)}, each safely on disk before the next ones"
    close_words = Words("日终", "Last day's close")
    if status.closed_through and _ends_month(status.closed_through):
        close_words = Words("月末", "Month end")
    yield close_words, f"{reached.close_s * 1_000:,.0f} ms for {status.customers:,} customers, decided and on disk"
    yield (
        Words("账本", "Log"),
        f"{_megabytes(log_bytes)}, {log_bytes // reached.records} bytes a record"
        f" ({all_bytes // reached.records} with all that is derived)",
    )


def _ends_month(day: str) -> bool:
    return (dt.date.fromisoformat(day) + dt.timedelta(days=1)).day == 1


def _megabytes(size: int) -> str:
    return f"{(size + 500_000) // 1_000_000:,} MB" if size >= 10_000_000 else f"{(size + 500) // 1_000:,} KB"


def put_next(settings: Settings, customer_id: str, day: str, case: Case | None) -> None:
    """Commands to go on with, as they can be pasted."""
    heading(Words("接下来", "Try next"))
    whose = f"--manager {case.manager_id}" if case is not None else "--unassigned"
    for words, what in NEXT:
        click.echo(f"  # {words}")
        click.echo(f"  {program()} --log {settings.log} {what.format(customer=customer_id, day=day, whose=whose)}")


def program() -> str:
    """How this program was called, as it can be typed again."""
    called = Path(sys.argv[0])
    if called.name != "guanxi" or shutil.which("guanxi") == str(called):
        return "guanxi"
    return str(called)

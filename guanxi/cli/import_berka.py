"""`guanxi import berka`: the public bank data as records."""

from pathlib import Path

import click

from guanxi.bootstrap import is_new, open_bank
from guanxi.cli.options import Asked, Existing, common, say
from guanxi.cli.progress import Running, summary
from guanxi.cli.writing import write_lines
from guanxi.importers import berka


@click.group("import")
@common
def command() -> None:
    """Take foreign data in as records."""


@command.command("berka")
@click.argument("folder", metavar="DIR", type=Existing(folder=True))
@click.option("--out", metavar="FILE", help="Write the records to a file (- is standard output), not into the log.")
@common
@click.pass_obj
def import_berka(asked: Asked, folder: Path, out: str | None) -> None:
    """Take the public bank data of DIR in (account, disp and trans, as .asc or .csv).

    A new log begins with the policy of these data, in Czech crowns, unless --policy names another.
    """
    report = berka.Report()
    lines = berka.records(folder, report)
    if out is not None:
        write_lines(lines, out)
    else:
        settings = asked.settings()
        if is_new(settings):
            settings = asked.settings(policy=berka.POLICY_FILE)
        with open_bank(settings, write=True, say=say) as bank, Running("import berka") as running:
            counts = bank.ingest_lines("berka", lines, None, running)
        click.echo(summary(counts.taken, counts.duplicate, counts.refused, running.seconds))
    tell(report)


def tell(report: berka.Report) -> None:
    """What was read, and what could not be, on stderr."""
    click.echo(f"read {report.accounts:,} accounts, {report.rows:,} transactions", err=True)
    for problem in report.problems[:10]:
        click.echo(f"left out: {problem}", err=True)
    if report.problem_count > 10:
        click.echo(f"left out: {report.problem_count - 10:,} rows more", err=True)

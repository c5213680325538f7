"""`guanxi rebuild`: the views anew from the log, or compared with it."""

import click

from guanxi.bootstrap import open_bank
from guanxi.cli.endings import FOUND_WRONG
from guanxi.cli.options import Asked, common, say
from guanxi.cli.progress import Running, rate

SHOWN = 100
"""Differences printed; the rest is counted."""


@click.command("rebuild")
@click.option("--check", is_flag=True, help="Compare with the log and change nothing; exit 1 if something differs.")
@common
@click.pass_obj
def command(asked: Asked, check: bool) -> None:
    """Make every view anew from the log. Nothing is decided again; readers go on with the old views meanwhile."""
    found = 0
    with open_bank(asked.settings(), write=not check, say=say) as bank, Running("rebuild") as running:
        for difference in bank.rebuild(check=check, progress=running.blocks):
            found += 1
            if found <= SHOWN:
                click.echo(str(difference))
        lines = bank.status().lines
    if found > SHOWN:
        click.echo(f"{found - SHOWN:,} differences more")
    done = f"{lines:,} lines · {running.seconds:,.1f} s, {rate(lines, running.seconds)}"
    if not check:
        click.echo(f"rebuilt: {done}")
    elif found:
        click.echo(f"{found:,} difference{'' if found == 1 else 's'}: {done}; guanxi rebuild makes the views anew")
        raise click.exceptions.Exit(FOUND_WRONG)
    else:
        click.echo(f"no differences: {done}")

"""`guanxi policy check`: whether a policy file is in order."""

from pathlib import Path

import click

from guanxi.cli.options import Existing, common
from guanxi.cli.render import money
from guanxi.cli.words import Words
from guanxi.policy_file import load


@click.group("policy")
@common
def command() -> None:
    """Check a policy file."""


@command.command("check")
@click.argument("file", type=Existing())
@common
def check(file: Path) -> None:
    """Validate FILE: unknown keys, thresholds, windows, trigger parameters; names file, line and field."""
    policy, _ = load(file)
    levels = " · ".join(
        f"{Words(level.name_zh, level.name_en)} {money(level.threshold_minor, policy.currency)}"
        for level in policy.ladder
    )
    click.echo(f"{file}: in order. {policy.version}, {policy.currency}: {levels}")

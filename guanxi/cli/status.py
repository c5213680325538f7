"""`guanxi status`: how far the log is, and how far what is derived from it."""

import sys
from typing import Any, Final

import click
import msgspec

from guanxi.bootstrap import open_bank
from guanxi.cli.options import Asked, common, say
from guanxi.cli.render import freshness_line, put_csv, put_json_lines

LABELS: Final[dict[str, str]] = {
    "log": "log",
    "blocks": "blocks",
    "lines": "lines",
    "stored_bytes": "bytes stored",
    "customers": "customers",
    "first_month": "first month",
    "closed_through": "closed through",
    "policies": "policy versions",
    "views_block": "views stand on block",
    "snapshot_block": "snapshot stands on block",
    "history_block": "history packed to block",
    "being_written": "being written",
    "name": "name",
}
"""Each field of a status and how the page calls it."""


@click.command("status")
@common
@click.pass_obj
def command(asked: Asked) -> None:
    """How far the log is, and how far what is derived from it; changes nothing."""
    with open_bank(asked.settings(), write=False, say=say) as bank:
        status = msgspec.to_builtins(bank.status())
    match asked.rows(is_terminal=sys.stdout.isatty()):
        case "jsonl":
            put_json_lines([status])
        case "csv":
            put_csv([status], list(status))
        case "table":
            shards = status.pop("shards", ())
            width = max(map(len, LABELS.values()))
            for key, value in status.items():
                click.echo(f"{LABELS.get(key, key):<{width}}  {_shown(value)}")
            for shard in shards:
                click.echo(f"{'shard ' + str(shard['shard']):<{width}}  {_standing(shard)}")
            click.echo(freshness_line(status["views_block"], status["closed_through"], len(shards)))


def _standing(shard: dict[str, Any]) -> str:
    """Where one of several shards stands."""
    closed = shard["closed_through"] or "-"
    return f"block {shard['block']:,}, views on block {shard['views_block']:,}, closed through {closed}"


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case list():
            return ", ".join(map(str, value)) or "-"
        case None:
            return "-"
        case _:
            return str(value)

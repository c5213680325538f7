"""`guanxi redrive`: records that were refused are taken again."""

from collections import Counter
from typing import Any

import click
import msgspec

from events.decisions import RecordRedriven
from guanxi.bootstrap import open_bank, open_known
from guanxi.cli import rejected
from guanxi.cli.kafka import with_extras
from guanxi.cli.options import Asked, common, say
from guanxi.cli.render import Column, Listing, look_of, show, text
from guanxi.cli.words import Words
from guanxi.errors import UserError
from processors.redriving import Redriven

SHOWN = (
    "outcome", "reason", "field", "detail", "source", "event_id", "topic", "partition", "offset", "file", "line", "log_line",
)  # fmt: skip
LISTING = Listing(
    SHOWN,
    (
        Column(Words("结果", "Outcome"), text("outcome")),
        *rejected.LISTING.columns,
    ),
)


@click.command("redrive")
@click.option("--reason", metavar="WORD", required=True, help="Those refused for this reason (see guanxi rejected).")
@click.option("--dry-run", is_flag=True, help="Say what would come of each, and change nothing.")
@common
@click.pass_obj
def command(asked: Asked, reason: str, dry_run: bool) -> None:
    """Take records that were refused again, from their originals in the log: after an account was opened, for instance.

    Each is judged as if it came now. One that is taken is not redriven again; one that is refused again may be.
    """
    settings = asked.settings()
    if settings.on_postgres:
        if dry_run:
            do = "leave it out; what is refused again changes nothing"
            raise UserError("--dry-run is for a log in a file", settings.log_shown, do)
        with with_extras("guanxi.owners").Owners(settings.log) as owners:
            _show(asked, [_row_of(*each) for each in owners.redrive(reason)], "")
        return
    opened = open_bank(settings, write=False, say=say) if dry_run else open_known(settings, say=say)
    with opened as bank:
        results = bank.redrive_dry(reason) if dry_run else bank.redrive(reason)
    _show(asked, [_row(each) for each in results], "would be " if dry_run else "")


def _show(asked: Asked, rows: list[dict[str, Any]], would: str) -> None:
    counts = Counter(row["outcome"] for row in rows)
    said = " · ".join(f"{outcome} {number:,}" for outcome, number in sorted(counts.items()))
    show(rows, LISTING, asked, look_of(()), f"{would}{said}" if said else "nothing to redrive")


def _row(each: Redriven) -> dict[str, Any]:
    again = each.refused
    return {
        "outcome": each.outcome,
        "reason": again and again.reason,
        "field": again and again.field,
        "detail": again and again.detail,
        "source": each.source,
        "event_id": each.event_id,
        **msgspec.structs.asdict(each.place),
        "log_line": each.log_line,
    }


def _row_of(shard: int, line: RecordRedriven) -> dict[str, Any]:
    """As the log says it: a worker did it."""
    known = {"outcome": "refused" if line.refused else "taken", "reason": line.refused, "field": line.field}
    return dict.fromkeys(SHOWN) | known | {"partition": shard, "log_line": line.log_line}

"""`guanxi redrive`: records that were refused are taken again."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from guanxi.bootstrap import open_bank
from guanxi.cli.options import Asked, common, say
from guanxi.cli.rejected import place
from guanxi.cli.render import Column, Listing, look_of, show, text
from guanxi.cli.words import Words
from processors.redriving import Redriven

SHOWN = (
    "outcome", "reason", "field", "detail", "source", "event_id", "topic", "partition", "offset", "file", "line", "log_line",
)  # fmt: skip
LISTING = Listing(
    SHOWN,
    (
        Column(Words("结果", "Outcome"), text("outcome")),
        Column(Words("拒绝原因", "Reason"), text("reason")),
        Column(Words("字段", "Field"), text("field")),
        Column(Words("说明", "Detail"), text("detail")),
        Column(Words("来源", "Source"), text("source")),
        Column(Words("编号", "Event id"), text("event_id")),
        Column(Words("位置", "Place"), place),
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
    with open_bank(asked.settings(), write=not dry_run, say=say) as bank:
        results = bank.redrive_dry(reason) if dry_run else bank.redrive(reason)
    counts = Counter(each.outcome for each in results)
    said = " · ".join(f"{outcome} {number:,}" for outcome, number in sorted(counts.items())) or "nothing to redrive"
    footer = f"would be {said}" if dry_run and counts else said
    show(_rows(results), LISTING, asked, look_of(()), footer)


def _rows(results: list[Redriven]) -> Iterator[dict[str, Any]]:
    for each in results:
        again = each.refused
        yield {
            "outcome": each.outcome,
            "reason": again and again.reason,
            "field": again and again.field,
            "detail": again and again.detail,
            "source": each.source,
            "event_id": each.event_id,
            **msgspec.structs.asdict(each.place),
            "log_line": each.log_line,
        }

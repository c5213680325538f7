"""`guanxi shred`: a customer is erased, and the certificate of it."""

import sys
from datetime import UTC, datetime
from typing import Final

import click
from rich.text import Text

from guanxi.bootstrap import open_bank, open_known
from guanxi.certificate import Certificate, certificate_of
from guanxi.cli.endings import found_wrong
from guanxi.cli.kafka import with_extras
from guanxi.cli.options import Asked, common, say
from guanxi.cli.render import console, pairs, put_json_lines
from guanxi.cli.words import LINES, Words
from guanxi.errors import FoundWrong
from guanxi.settings import Settings
from processors.faults import CommandUnfit

_STAYS: Final = {
    "balances": Words("余额", "balances"),
    "levels": Words("等级", "levels"),
    "proofs": Words("证明", "proofs"),
}


@click.command("shred")
@click.argument("customer_id", metavar="ID")
@click.option("--reason", metavar="TEXT", help="Kept in the log for good, in clear: name nobody in it.")
@click.option("--certificate", "again", is_flag=True, help="Print the certificate of an erasure again; change nothing.")
@common
@click.pass_obj
def command(asked: Asked, customer_id: str, reason: str | None, again: bool) -> None:
    """Erase a customer: destroy the key, so that names, numbers and texts of theirs can be read by nobody, for good.

    Balances, levels and proofs stay, and money is still taken. There is no way back, and copies of the keys made before
    have to be destroyed too. On PostgreSQL the worker that owns the customer's shard is asked to.
    """
    how = asked.rows(is_terminal=sys.stdout.isatty())
    if how == "csv":
        raise click.UsageError("a certificate has no CSV form: take --format table or jsonl")
    settings = asked.settings()
    if not again:
        try:
            _erase(settings, customer_id, reason)
        except CommandUnfit as error:
            raise found_wrong(error) from error
    found = _certificate(settings, customer_id)
    if how == "jsonl":
        put_json_lines([found])
    else:
        _put(found)


def _erase(settings: Settings, customer_id: str, reason: str | None) -> None:
    now = datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
    event_id = f"shred-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    if settings.on_postgres:
        with with_extras("guanxi.owners").Owners(settings.log) as owners:
            owners.erase(customer_id, event_id, now, reason)
        return
    with open_known(settings, say=say) as bank:
        bank.erase(customer_id, event_id, now, reason)


def _certificate(settings: Settings, customer_id: str) -> Certificate:
    """The certificate. Raises FoundWrong for a customer who is not erased, or whose key is still there."""
    with open_bank(settings, write=False, say=say) as bank:
        lines = bank.lines_sealed_for(customer_id)
        found = certificate_of(customer_id, lines, lambda block: bank.recorded_at(customer_id, block), bank.log_name)
        if found is None:
            raise FoundWrong("this customer is not erased", customer_id, f"guanxi shred {customer_id} does it")
        if not bank.is_key_destroyed(customer_id):
            raise FoundWrong(
                "the key is not destroyed yet",
                customer_id,
                f"run: guanxi shred {customer_id}; on PostgreSQL a worker does it",
            )
    return found


def _put(found: Certificate) -> None:
    to = console()
    unreadable = ", ".join(f"{LINES.get(kind, kind)} {count:,}" for kind, count in found["unreadable"].items())
    rows = [
        (Words("客户", "Customer"), found["customer_id"]),
        (Words("删除日期", "Erased on"), found["erased_on"]),
        (Words("依据", "By the record"), f"{found['source']} {found['event_id']}"),
        (Words("理由", "Reason"), found["reason"] or "-"),
        (
            Words("日志", "In the log"),
            f"{found['log']} line {found['line']}, block {found['block']}, {found['recorded_at']}",
        ),
        (Words("不可再读", "Unreadable"), unreadable or "-"),
        (Words("密钥已销毁", "Key destroyed"), "是 yes"),
        (Words("保留", "What stays"), ", ".join(str(_STAYS[each]) for each in found["stays"])),
        (Words("摘要", "Digest"), found["digest"]),
    ]
    to.print(Text("删除证明 Certificate of erasure", style="bold"))
    for words, value in pairs(rows):
        to.print(Text(f"  {words}  {value}"))

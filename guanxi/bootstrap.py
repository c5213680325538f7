"""Opens the bank that the settings name: in a file or on PostgreSQL.

Which adapters a bank is made of say `guanxi.bank`, `guanxi.bank_postgres` and `guanxi.shards`, and nothing else does. What is
needed on PostgreSQL alone is imported when such a bank is opened.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from guanxi.bank import Bank
from guanxi.errors import UserError
from guanxi.reports import Say, nothing
from guanxi.settings import Settings

if TYPE_CHECKING:
    from guanxi.bank_postgres import PostgresBank

__all__ = ["Bank", "is_new", "needs_postgres", "open_bank", "open_known"]


def open_bank(settings: Settings, *, write: bool, say: Say = nothing) -> "Bank | PostgresBank":
    """Open the bank that the settings name; see ``Bank`` and ``PostgresBank``."""
    if not settings.on_postgres:
        return Bank(settings, write=write, say=say)
    needs_postgres()
    bank: PostgresBank = import_module("guanxi.bank_postgres").PostgresBank(settings, write=write, say=say)
    return bank


def open_known(settings: Settings, *, say: Say = nothing) -> Bank:
    """Open a bank in a file to write, for what makes no sense in a new one: a name mistyped makes none. Raises UserError."""
    if not settings.log_file.exists():
        raise UserError(
            "no such log", str(settings.log_file), "take records in first (guanxi ingest FILE), or give --log"
        )
    return Bank(settings, write=True, say=say)


def is_new(settings: Settings) -> bool:
    """Whether the log that the settings name has nothing in it yet. Raises what opening raises."""
    if not settings.on_postgres:
        return not settings.log_file.exists()
    with open_bank(settings, write=False) as bank:
        return not bank.status().blocks


def needs_postgres() -> None:
    """Raises UserError where what a log on PostgreSQL needs is not installed."""
    try:
        import_module("eventsourcing.postgres")
    except ImportError as error:
        raise UserError(
            f"a log on PostgreSQL needs more than is installed ({error})", do="pip install 'guanxi[postgres]'"
        ) from error

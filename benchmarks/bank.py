"""A bank in a folder: where its log is, and its state as the snapshot has it."""

from __future__ import annotations

from pathlib import Path

from aggregates.shard import Shard
from guanxi.bootstrap import Bank, open_bank
from guanxi.settings import Settings, log_url
from infra.sqlite_log import SqliteEventLog
from infra.sqlite_snapshots import SqliteSnapshots
from processors.snapshot import shard_from

NAME = "bank.db"


def log_file(folder: str) -> Path:
    """The log's file; what is derived from it stands beside it."""
    return Path(folder) / NAME


def opened(folder: str, *, write: bool) -> Bank:
    """The bank, made if it is written and missing."""
    return open_bank(Settings(log=log_url(log_file(folder))), write=write)


def log_of(folder: str) -> SqliteEventLog:
    """The log, to be read."""
    return SqliteEventLog(str(log_file(folder)))


def loaded(folder: str) -> Shard:
    """The state of the snapshot, everyone cold. Raises RuntimeError if there is none."""
    found = SqliteSnapshots(f"{log_file(folder)}-snapshot").load()
    shard = shard_from(*found) if found else None
    if shard is None:
        raise RuntimeError(f"{folder}: no snapshot that can be loaded")
    return shard

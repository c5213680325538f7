"""Where the time goes: wall time of each stage, its own without what it calls, and the 25 costliest functions.

The stages are timed by a wrapper around one function each, called once a batch or less often, so they cost nothing to
speak of. The second look, by the interpreter's profiler, makes small functions look dearer than they are: read the
order, not the seconds.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import intake, rebuild
from benchmarks.measure import Figures
from benchmarks.stages import Stages
from events import codec
from guanxi import bootstrap
from infra import block, sqlite_log, sqlite_snapshots, sqlite_views
from infra.ids import IdIndex
from infra.vault import Vault
from processors import intake as door
from processors import keeper

CALLS_SHOWN = 25

_INTAKE = (
    (bootstrap, "open_bank", "open the bank"),
    (codec, "decode_batch", "decode, and compare lengths"),
    (door.Intake, "_look_up", "hash ids"),
    (IdIndex, "lookup", "look ids up"),
    (door, "take_plain", "fold plain records"),
    (door.Intake, "take", "judge and fold, record by record"),
    (door.Intake, "close_days", "close days"),
    (door.Intake, "commit", "make up the block"),
    (block, "pack", "compress the block"),
    (Vault, "commit", "keys"),
    (sqlite_log._Recorder, "insert_events", "append the block, fsync"),
    (door.Intake, "_add_ids", "sort ids by month"),
    (IdIndex, "add", "add ids"),
    (IdIndex, "flush", "flush ids to pages"),
    (keeper.Keeper, "checkpoint", "checkpoint"),
    (sqlite_views.SqliteViews, "put", "put views"),
    (sqlite_snapshots.SqliteSnapshots, "save", "pack and save the snapshot"),
    (sqlite_views.SqliteViews, "close", "close views"),
)
_REBUILD = (
    (sqlite_log.SqliteEventLog, "_read_head", "open the log"),
    (rebuild, "rebuild", "read blocks, decompress"),
    (keeper, "decode_lines", "decode"),
    (keeper, "evolve", "evolve"),
    (keeper, "told", "tell"),
    (sqlite_views.SqliteViews, "put", "put views"),
    (sqlite_views.SqliteViews, "swap", "swap views"),
)


def intake_stages(source: str, folder: str) -> Figures:
    """The stages of taking a file."""
    stages = _watched(_INTAKE)
    return _told(stages, intake.ours(source, folder))


def rebuild_stages(bank: str, folder: str) -> Figures:
    """The stages of a rebuild; what it reads stays as it is."""
    del folder
    stages = _watched(_REBUILD)
    return _told(stages, rebuild.views(bank))


def intake_calls(source: str, folder: str) -> Figures:
    """The costliest functions of taking a file."""
    return _profiled(lambda: intake.ours(source, folder))


def rebuild_calls(bank: str, folder: str) -> Figures:
    """The costliest functions of a rebuild."""
    del folder
    return _profiled(lambda: rebuild.views(bank))


def _watched(table: tuple[tuple[Any, str, str], ...]) -> Stages:
    stages = Stages()
    for owner, name, stage in table:
        stages.watch(owner, name, stage)
    return stages


def _told(stages: Stages, figures: Figures) -> Figures:
    stages.tell(figures)
    return figures


def _profiled(work: Callable[[], Figures]) -> Figures:
    profiler = cProfile.Profile()
    figures = profiler.runcall(work)
    shown = pstats.Stats(profiler, stream=sys.stdout)
    shown.strip_dirs().sort_stats("tottime").print_stats(CALLS_SHOWN)
    return figures

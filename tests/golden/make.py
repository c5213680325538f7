"""Makes the golden files of a release that changed what is stored: ``python -m tests.golden.make N`` once, N a new number.

Never overwrites: the files of every earlier release stay as they are and must be read for ever. The log has a small history
with every type of record and of decision; `log-N.vault` and its key are for a test only and open nothing else.
"""

import json
import os
import shutil
import sys
import tempfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aggregates import closing
from aggregates.packing import STATE_VERSION
from aggregates.records import TAKE
from aggregates.shard import Shard
from events.transactions import Deposit
from guanxi.bootstrap import open_bank
from guanxi.settings import Settings
from infra.sqlite_log import SqliteEventLog
from processors.commands import PositionResetAsked, UnparkAsked, body_of, execute
from processors.ports import Block
from tests.crash.runs import from_log, settings
from tests.dsl.parking import one_by_one
from tests.golden.history import PARKED, failing, history, mended

FOLDER = Path(__file__).parent
KEY = b64encode(b"golden log key, public, 32 bytes").decode()


def answers(log: Path) -> dict[str, list[dict[str, Any]]]:
    """What the contract lets anyone ask (CONTRACT §2, §4, §5), by question."""
    with open_bank(settings(log), write=False) as bank:
        views = bank.views
        found = {
            "tiers": list(views.tiers()),
            "tier-changes": list(views.tier_changes()),
            "aum": list(views.aum()),
            "aum by account": list(views.aum("account")),
            "aum of 2026-01": list(views.aum(month="2026-01")),
            "aum of 2026-03": list(views.aum(month="2026-03")),
            "rejected": list(views.rejected()),
            "alerts": list(views.alerts()),
            "parked": list(views.parked()),
            "counts": [views.counts()],
            "triggers": list(views.triggers()),
        }
    state = from_log(log)
    found["state"] = [{"version": STATE_VERSION, "sha256": _digest([state["state"], *state["customers"]])}]
    found["lines"] = [{"sha256": _digest([block.body for block in blocks_of(log)])}]
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def blocks_of(path: Path) -> list[Block]:
    """Every block of a log."""
    log = SqliteEventLog(str(path))
    try:
        return list(log.blocks())
    finally:
        log.close()


def _digest(parts: list[bytes]) -> str:
    return sha256(b"\0".join(parts)).hexdigest()


def written(found: dict[str, list[dict[str, Any]]]) -> str:
    """Answers as JSON, a row a line."""
    parts = (
        json.dumps(name) + ": [\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"
        for name, rows in found.items()
    )
    return "{\n" + ",\n".join(parts) + "\n}\n"


def make(number: int) -> None:
    """Write the files of this number. Raises FileExistsError when there are any."""
    target, kept = FOLDER / f"log-{number}", FOLDER / f"log-{number}.answers.json"
    if target.exists() or kept.exists():
        raise FileExistsError(f"{target} is the golden log of a release: give another number")
    os.environ["GUANXI_KEY"] = KEY
    closing.CUSTOMERS_A_STEP = 3  # so that the close of a month is cut
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "golden.db"
        for at, part in enumerate(history()):
            with open_bank(settings(log), write=True) as bank:
                bank.ingest_lines(f"part-{at}.jsonl", part)
        _park_and_redrive(settings(log))
        shutil.copy(log, target)
        shutil.copy(f"{log}-vault", FOLDER / f"log-{number}.vault")
        kept.write_text(written(answers(log)), "utf-8")


def _park_and_redrive(of: Settings) -> None:
    """Records that our code fails on, and what an operator does about them and about refused ones."""
    take = TAKE[Deposit]

    def fails(shard: Shard, record: Any, *more: Any) -> Any:
        if record.event_id == PARKED:
            raise ZeroDivisionError
        return take(shard, record, *more)

    with patch.dict(TAKE, {Deposit: fails}), one_by_one(), open_bank(of, write=True) as bank:
        bank.ingest_lines("failing.jsonl", failing())
    with open_bank(of, write=True) as bank:
        bank.ingest_lines("mended.jsonl", mended())
        bank.unpark("C2")
        bank.redrive("account_unknown")
        execute(bank._owned(), ("commands", 0), 1, body_of(UnparkAsked("C2")))
        reset = PositionResetAsked(
            "bank.transactions.v1", 0, 7, "an id of the broker", "the topic was made anew", "liu"
        )
        execute(bank._owned(), ("commands", 0), 2, body_of(reset))


if __name__ == "__main__":
    make(int(sys.argv[1]))

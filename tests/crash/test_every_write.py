"""A process killed before and after each of its writes: run again, the log says what an undisturbed one says."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.runs import (
    KILLED,
    WRITES,
    answers,
    check_readable,
    check_sequences,
    die_at,
    forked,
    is_finished,
    kills,
    simulated,
    take,
    writes_of,
)

ROUNDS = int(os.environ.get("GUANXI_CRASH_ROUNDS", "0"))
"""Rounds of the long version; 0: the short one."""

CUSTOMERS, DAYS = (40, 75) if ROUNDS else (5, 34)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("records") / "records.jsonl", CUSTOMERS, DAYS, 3)


@pytest.fixture(scope="module")
def undisturbed(records: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    log = tmp_path_factory.mktemp("undisturbed") / "bank.db"
    take(log, records)
    found = answers(log)
    assert not found["differences"]
    assert found["tier_changes"]
    assert found["refused"]
    assert found["duplicates"]
    assert not found["marks"]
    return found


def check(log: Path, undisturbed: dict[str, Any]) -> None:
    found = answers(log)
    for name, expected in undisturbed.items():
        assert found[name] == expected, name
    check_sequences(found)
    check_readable(log)


def test_killed_at_every_write(records: Path, undisturbed: dict[str, Any], folders: Iterator[Path]) -> None:
    folder = next(folders)
    writes = writes_of(lambda: take(folder / "bank.db", records), folder)
    assert {write.name.split(" ", 1)[1] for write in writes} == set(WRITES)
    check(folder / "bank.db", undisturbed)
    for number, name in kills(writes):
        log = next(folders) / "bank.db"
        assert die_at(number, lambda log=log: take(log, records)) == KILLED, name
        if not is_finished(log):
            assert forked(lambda log=log: take(log, records)) == 0, name
        try:
            check(log, undisturbed)
        except BaseException as error:
            error.add_note(f"killed {name}, write {number} of {len(writes)}")
            raise


@pytest.mark.parametrize("seed", range(3 + ROUNDS))
def test_killed_again_and_again(records: Path, undisturbed: dict[str, Any], folders: Iterator[Path], seed: int) -> None:
    rng = random.Random(seed)
    log = next(folders) / "bank.db"
    kills = 0
    while die_at(rng.randint(5, 120), lambda: take(log, records)) == KILLED:
        kills += 1
        if is_finished(log):
            break
        if rng.random() < 0.2:
            for suffix in rng.sample(("views", "ids", "snapshot", "history"), rng.randint(1, 4)):
                for end in ("", "-wal", "-shm"):
                    log.with_name(f"{log.name}-{suffix}{end}").unlink(missing_ok=True)
        if rng.random() < 0.2:
            answers(log)
    assert kills
    check(log, undisturbed)

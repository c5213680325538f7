"""Releases side by side: a shard goes from the one to the other and back, and what is too new is left alone."""

import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from infra.block import RULES
from tests import cluster
from tests.chaos.players import PROJECT, Player
from tests.chaos.releases import HistoryMissing, earlier, later, made_of
from tests.chaos.stream import Stream

A_PART, PARTS = 7, 5


def test_a_shard_goes_to_another_release_and_back_and_is_left_to_a_newer_one() -> None:
    folder = Path(os.environ[cluster.FOLDER]) / "releases"
    folder.mkdir(parents=True)
    to_come = later(folder / "later")
    try:
        before = earlier(folder / "earlier")
    except HistoryMissing as missing:
        warnings.warn(f"NOT TESTED: {missing}", stacklevel=1)
        pytest.skip(str(missing))
    theirs, ours_is = made_of(before), made_of(PROJECT)
    assert theirs.rules == ours_is.rules, "what it writes is read"
    for name in ("tables", "state", "views"):
        assert getattr(theirs, name) != getattr(ours_is, name), f"nothing is tried of other {name}: another EARLIER"
    stream = Stream(folder, 5, workers=1, partitions=2, customers=10, days=A_PART * PARTS)
    old, ours, newer = (stream.new_worker(f"worker-{p.name}", project=p) for p in (before, PROJECT, to_come))
    try:
        stream.relay.project = before
        for workers in ([old], [old, ours], [old]):
            _days_with(stream, *workers)
            stream.wait()
        stream.relay.stop()
        stream.relay.project = PROJECT
        _days_with(stream, ours)
        stream.audit()
        stream.check_views()
        assert _digests(stream, before) == _digests(stream, PROJECT)

        _days_with(stream, newer)
        ours.start()
        said = f"a newer release wrote it, by rules {RULES + 1}, and this one knows {RULES}; install the newer one"
        for player in (ours, stream.relay):
            assert player.ended() == 2
            assert said in player.last_words(1)
        stream.relay.project = to_come
        stream.relay.start()
        stream.audit()
    finally:
        stream.close()
        for player in (old, ours, newer):
            player.kill()


def _days_with(stream: Stream, *workers: Player) -> None:
    """Some days while these workers alone share the shards."""
    for player in stream.workers:
        if player not in workers:
            player.stop()
    stream.workers = list(workers)
    stream.heal()
    stream.wait_while(lambda: _not_shared(stream, workers))
    stream.load.publish_days(A_PART, 1_000, threading.Event())


def _not_shared(stream: Stream, workers: tuple[Player, ...]) -> list[str]:
    """What each of the workers has, until all have some of the shards and each shard has one."""
    found = [_shards(each) for each in workers]
    if all(found) and sorted(number for each in found for number in each) == list(range(stream.shards)):
        return []
    return [f"{worker.name} has shards {numbers}" for worker, numbers in zip(workers, found, strict=True)]


def _shards(worker: Player) -> list[int]:
    """Which shards the group gave to a worker last."""
    given = [line.partition("shards: ")[2] for line in worker.said() if "shards: " in line]
    return [int(number) for number in given[-1].split(", ")] if given and given[-1] != "none" else []


_DIGEST = """
import hashlib, json, sys
import msgspec
from aggregates.policy import Policies
from aggregates.shard import Shard
from infra.postgres_log import PostgresEventLog
from processors.keeper import evolve
from processors.stored import decode_lines
found = []
for number in range(int(sys.argv[2])):
    shard = Shard(Policies())
    for block in PostgresEventLog(sys.argv[1], number).blocks():
        evolve(shard, decode_lines(block.body))
    everyone = []
    for customer in shard.customers:
        life = customer.life
        told = life and [life.sequence, [(of.code, of.key, of.step) for of in life.open]]
        balances = {name: account.balance for name, account in customer.accounts.items()}
        everyone.append((customer.id, balances, msgspec.to_builtins(customer.tier), told))
    found.append([len(everyone), hashlib.sha256(json.dumps(everyone).encode()).hexdigest()])
print(json.dumps(found))
"""


def _digests(stream: Stream, project: Path) -> list[tuple[int, str]]:
    """What a release makes of the log: of each shard how many customers, and a digest of what is known of them."""
    asked = [sys.executable, "-c", _DIGEST, stream.log, str(stream.shards)]
    environ = {**os.environ, "PYTHONPATH": str(project)}
    said = subprocess.run(asked, env=environ, cwd=stream.folder, check=True, capture_output=True).stdout
    found: list[tuple[int, str]] = json.loads(said)
    assert all(count for count, _ in found)
    return found

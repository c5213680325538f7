"""A short torture of real processes in every run of the tests; the long one is `make torture`."""

import os
import random
from collections import Counter
from pathlib import Path

from tests import cluster
from tests.chaos import auditor
from tests.chaos.__main__ import run_round
from tests.chaos.faults import crash_database, kill_relay, kill_worker
from tests.chaos.stream import Stream

DAYS = 33


def test_what_is_killed_here_and_there_loses_nothing_and_repeats_nothing() -> None:
    folder = Path(os.environ[cluster.FOLDER]) / "chaos"  # where the next run ends what this one leaves if it is killed
    folder.mkdir(parents=True)
    stream = Stream(folder, 5, workers=2, partitions=2, customers=15, days=DAYS)
    try:
        tally = run_round(stream, random.Random(5), [crash_database, kill_relay, kill_worker], DAYS, Counter())
        stream.check_views()
        assert auditor.main(["--kafka", stream.kafka, "--log", stream.log]) == 0  # once more, from the beginning
    finally:
        stream.close()
    assert tally.taken > 200
    assert tally.closes == 2 * DAYS
    assert min(tally.refused, tally.duplicates, tally.changes, tally.steps, tally.erased) > 0

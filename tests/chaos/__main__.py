"""The torture of a stream of real processes.

python -m tests.chaos --rounds 20 --seed 7       rounds of load and faults, an audit behind each
python -m tests.chaos --faults kill_relay        only these
python -m tests.chaos --keep /small/disk         on a filesystem of less than 2 GB, which is filled now and then

A round publishes days of a made-up bank while random faults happen, lets everything run again, waits until it is quiet and
holds the log and what was published against the topics (``tests.chaos.auditor``). What a seed decides is which faults come
when; what they meet depends on the machine.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.chaos import recreated, restored
from tests.chaos.auditor import Tally
from tests.chaos.faults import FAULTS, Fault, faults_for, full_filesystem, hang_relay
from tests.chaos.players import PROJECT, prepare
from tests.chaos.releases import earlier
from tests.chaos.stream import Stream
from tests.simulation.auditor import Wrong

DAYS, CUSTOMERS = 30, 40
POLICY_EVERY = 3
"""Before each so many-th round the policy gets a new version."""
A_SECOND = 150.0
"""Records published a second."""


def run_round(stream: Stream, chance: random.Random, faults: list[Fault], days: int, done: Counter[str]) -> Tally:
    """Load and faults, then an audit. Raises Wrong."""
    stream.draw_releases(chance)
    done["the release before"] += sum(player.project != PROJECT for player in (*stream.workers, stream.relay))
    stream.heal()
    stream.begin_load(days, A_SECOND)
    for fault in faults:
        time.sleep(chance.random() * 2)
        fault(stream, chance)
        done[fault.__name__] += 1
    stream.end_load()
    stream.heal()
    return stream.audit()


def main() -> int:
    """Run rounds; exit 1 when something was lost, repeated, out of order or stuck."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--faults", nargs="*", choices=[f.__name__ for f in (*FAULTS, full_filesystem)])
    parser.add_argument("--relay-inside", action="store_true", help="let the first worker publish, too")
    parser.add_argument("--beside", action="store_true", help="let workers and relay run the release before, too")
    parser.add_argument("--no-views", action="store_true", help="leave out rebuild --check")
    parser.add_argument("--keep", type=Path, help="folder for data and logs of the run, kept when it ends")
    asked = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if asked.seed is None else asked.seed
    chance = random.Random(seed)
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="guanxi-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [fault for fault in faults_for(folder) if not asked.faults or fault.__name__ in asked.faults]
    if asked.relay_inside:  # one that was shut out stays so until its worker is started again
        kinds = [fault for fault in kinds if fault is not hang_relay]
    done: Counter[str] = Counter()
    stream, wrong = None, None
    print(f"seed {seed}, data in {folder}", flush=True)
    try:
        prepare(folder)
        stream = Stream(
            folder, seed, workers=asked.workers, partitions=asked.partitions, customers=CUSTOMERS,
            days=DAYS * asked.rounds + recreated.DAYS + restored.DAYS, relay_inside=asked.relay_inside,
        )  # fmt: skip
        if asked.beside:
            stream.may_run(earlier(folder / "earlier"))
        for number in range(1, asked.rounds + 1):
            if number % POLICY_EVERY == 0:
                stream.heal()
                print(f"           policy {stream.renew_policy()}", flush=True)
            faults = [chance.choice(kinds) for _ in range(chance.randint(1, 4))]
            began = time.monotonic()
            tally = run_round(stream, chance, faults, DAYS, done)
            if not asked.no_views:
                stream.check_views()
            print(
                f"round {number:>3}  {time.monotonic() - began:4.0f} s  {', '.join(f.__name__ for f in faults)}\n"
                f"           messages {tally.messages:,} · taken {tally.taken:,} · refused {tally.refused:,} · again "
                f"{tally.duplicates:,} · closes {tally.closes:,} · tier changes {tally.changes:,} · "
                f"steps of triggers {tally.steps:,} · commands {tally.commands:,} · erased {tally.erased:,} · "
                f"blocks {tally.blocks:,}"
                " · lost 0 · repeated 0",
                flush=True,
            )
        if not asked.faults:
            put_back = restored.restore(stream)
            print(
                f"a copy of the database put back: {put_back.taken:,} records, {put_back.erased} erased · lost 0 · repeated 0"
            )
            print(
                f"a topic made again: held until told, then {recreated.recreate(stream):,} records · lost 0 · repeated 0"
            )
    except Wrong as error:
        wrong = error
        print(f"WRONG, seed {seed}, data in {folder}: {error}", flush=True)
    finally:
        if stream is not None:
            stream.close()
            told = stream.load.kinds | {f"commands {said}": count for said, count in stream.managers.counts.items()}
            if stream.managers.trouble:
                print(f"not known, the last time: {stream.managers.trouble}")
            print("load: " + ", ".join(f"{kind} {count:,}" for kind, count in told.items()))
    print("faults: " + ", ".join(f"{kind} {count}" for kind, count in sorted(done.items())))
    if wrong is None and asked.keep is None:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

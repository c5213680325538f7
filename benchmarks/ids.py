"""What a look, an entry and its share of flushing cost in `infra.ids`, and whether that grows.

    python -m benchmarks.ids [--ids 10_000_000] [--batch 5_000] [--months 12] [--late 0.0] [--again 0.0] [--dir DIR]

Ids come in order of months, in batches; `--late` is the share of batches of an earlier month, `--again` the share of
ids that were sent before. Every batch is looked up, what is new is added and flushed when the index asks for it.
On a machine with other work, compare the CPU column.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from infra.ids import IdIndex

MARKS = (100_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000, 50_000_000, 100_000_000)


def resident_bytes() -> int:
    """Memory of this process now."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Run once in a fresh directory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", type=int, default=10_000_000)
    parser.add_argument("--batch", type=int, default=5_000)
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--late", type=float, default=0.0)
    parser.add_argument("--again", type=float, default=0.0)
    parser.add_argument("--dir", default=None)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        run(options, Path(folder) / "ids.sqlite")


def run(options: argparse.Namespace, path: Path) -> None:
    """Fill an index of options.ids ids and print a line at each mark."""
    draw = np.random.Generator(np.random.PCG64(7))
    start_bytes = resident_bytes()
    index = IdIndex(str(path))
    spent_s = worst_s = since_s = cpu_s = 0.0
    found = sent = since = block = 0
    first_month = 2026 * 12
    before: tuple[int, np.ndarray] | None = None
    print("         ids  µs/id so far  µs/id since  CPU µs/id  longest flush ms  RAM B/id  disk B/id  runs")
    while sent < options.ids:
        month = first_month + sent * options.months // options.ids
        if options.late and draw.random() < options.late:
            month = int(draw.integers(first_month, month + 1))
        keys = draw.integers(0, 1 << 64, options.batch, dtype=np.uint64)
        if options.again and before is not None and before[0] == month:
            again = int(options.batch * options.again)
            keys[:again] = before[1][-again:]
        positions = (np.uint64(block) << np.uint64(24)) | np.arange(options.batch, dtype=np.uint64)
        before = month, keys

        cpu_began = time.process_time()
        began = time.perf_counter()
        hits = index.lookup(month, keys)
        if hits:
            fresh = np.ones(options.batch, dtype=bool)
            fresh[[at for at, _ in hits]] = False
            index.add(month, keys[fresh], positions[fresh])
        else:
            index.add(month, keys, positions)
        flush_began = time.perf_counter()
        if index.needs_flush:
            index.flush(block)
        ended = time.perf_counter()
        cpu_s += time.process_time() - cpu_began

        spent_s += ended - began
        worst_s = max(worst_s, ended - flush_began)
        found += len(hits)
        sent += options.batch
        block += 1
        if sent in MARKS or sent == options.ids:
            recents_bytes = 33 * index.recent_ids
            ram = max(0, resident_bytes() - start_bytes - recents_bytes)
            disk = sum(file.stat().st_size for file in path.parent.iterdir())
            since_us = (spent_s - since_s) / (sent - since) * 1e6
            cpu_us = cpu_s / sent * 1e6
            runs = sum(1 for _ in index._all_runs())
            print(
                f"{sent:>12,} {spent_s / sent * 1e6:>13.3f} {since_us:>12.3f} {cpu_us:>10.3f} {worst_s * 1e3:>17.0f} "
                f"{ram / sent:>9.2f} {disk / sent:>10.1f} {runs:>5}",
                flush=True,
            )
            since_s, since = spent_s, sent
    index.flush(block)
    print(f"found again: {found:,}")

    probes = [int(key) for key in draw.integers(0, 1 << 64, 2_000, dtype=np.uint64)]
    began = time.perf_counter()
    for key in probes:
        index.find(key)
    print(f"find of an unknown key over all months: {(time.perf_counter() - began) / len(probes) * 1e6:.0f} µs")
    index.close()
    began = time.perf_counter()
    index = IdIndex(str(path))
    opened_s = time.perf_counter() - began
    index.lookup(first_month, keys)
    looked_s = time.perf_counter() - began
    print(f"open: {opened_s * 1e3:.1f} ms; with the first lookup of a month: {looked_s * 1e3:.1f} ms")
    began = time.perf_counter()
    shared = sum(1 for _ in index.shared_keys())
    print(f"shared_keys: {shared:,} in {time.perf_counter() - began:.2f} s")
    index.close()


if __name__ == "__main__":
    main()

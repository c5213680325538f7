"""The search as a command: ``python -m tests.fuzz [TARGET …] --seconds N`` (or ``--runs N``); ``make fuzz`` calls it.

Each target is searched in a process of its own, from the corpus and the seeds. What reaches a branch or an outcome that the corpus
does not is shortened and kept; what broke a promise is kept too, so that the tests stay red until it is mended.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.reached import Reached, Watch, fewest, shortened
from tests.fuzz.targets import WATCHED_BY, target

_LONGEST = 8192
"""Longest input that the engine tries."""
_SHORT = 300
"""Inputs kept are shortened when they are longer."""


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[[], *WATCHED_BY], metavar="TARGET", help=" ".join(WATCHED_BY))
    parser.add_argument("--seconds", type=int, default=60, help="of each target (default 60); 0: the seeds alone")
    parser.add_argument("--runs", type=int, default=-1, help="inputs of each target, instead of seconds")
    parser.add_argument("--seed", type=int, default=0, help="of the engine; 0: another one every time")
    return parser.parse_args(arguments)


def _fails(check: Callable[[bytes], set[str]], data: bytes) -> Exception | None:
    try:
        check(data)
    except Exception as error:
        return error
    return None


def _searched(name: str, options: argparse.Namespace, folder: Path) -> tuple[list[bytes], list[bytes]]:
    """What the engine found: inputs that it thought worth keeping, and those that broke a promise."""
    found, begun, broken = folder / "found", folder / "begun", folder / "broken"
    for each in (found, begun, broken):
        each.mkdir()
    for data in [*corpus.read(name).values(), *target(name).seeds()]:
        (begun / corpus.name_of(data)).write_bytes(data)
    limit = [f"-runs={options.runs}"] if options.runs >= 0 else [f"-max_total_time={options.seconds}"]
    command = [
        sys.executable, "-m", "tests.fuzz.engine", name, *limit, f"-seed={options.seed}", f"-max_len={_LONGEST}",
        "-timeout=30", "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={broken}/", str(found), str(begun),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    said = done.stderr.decode("utf-8", "replace")
    failed = [path.read_bytes() for path in sorted(broken.iterdir())]
    if done.returncode and not failed:
        sys.exit(said[-2000:] + "\nthe engine did not run: make fuzz installs it; it comes for Linux alone")
    print("\n".join(line for line in said.splitlines() if "number_of_executed" in line or "exec_per_sec" in line))
    return [path.read_bytes() for path in sorted(found.iterdir())], failed


def _kept(name: str, inputs: list[bytes]) -> list[bytes]:
    """The fewest and shortest inputs that reach all that these reach."""
    watch, check = Watch(WATCHED_BY[name]), target(name).check
    reached = {data: watch.reached(check, data) for data in dict.fromkeys(inputs)}
    kept: list[bytes] = []
    for data in fewest(reached):
        wanted = reached[data]
        if len(data) > _SHORT and data not in corpus.read(name).values():
            data = shortened(data, lambda each, wanted=wanted: _still(watch, check, each, wanted))
        kept.append(data)
    return kept


def _still(watch: Watch, check: Callable[[bytes], set[str]], data: bytes, wanted: Reached) -> bool:
    return _fails(check, data) is None and wanted <= watch.reached(check, data)


def search(name: str, options: argparse.Namespace) -> bool:
    """Search one target and keep what was found; whether every promise was kept."""
    print(f"== {name}")
    before, broke = corpus.read(name), list(corpus.read(name, "broke").values())
    found, failed = [], list[bytes]()
    if options.seconds or options.runs >= 0:
        with tempfile.TemporaryDirectory(prefix="guanxi-fuzz-") as folder:
            found, failed = _searched(name, options, Path(folder))
    inputs = list(dict.fromkeys([*before.values(), *target(name).seeds(), *found, *failed]))
    failed = [data for data in inputs if _fails(target(name).check, data)]
    kept = _kept(name, [data for data in inputs if data not in failed])
    corpus.write(name, kept, [*broke, *failed])
    after = corpus.read(name)
    print(f"{len(before)} inputs before, {len(after)} now, {len(after.keys() - before.keys())} of them new")
    for data in failed:
        print(f"BROKEN {corpus.name_of(data)}: {_fails(target(name).check, data)!r}\n  {data[:500]!r}")
    return not failed


def main(arguments: list[str]) -> int:
    """Search the targets named, or all. Exit code: 0, or 1 if a promise was broken."""
    options = _arguments(arguments)
    kept = [search(name, options) for name in options.targets or WATCHED_BY]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

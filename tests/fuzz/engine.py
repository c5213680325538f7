"""One run of the search, in a process of its own that the engine ends: ``python -m tests.fuzz.engine TARGET [libFuzzer's]``.

The engine is atheris: libFuzzer with the branches and comparisons of the watched modules for a guide. Here alone it is
imported; the tests do without it.
"""

import importlib
import sys
from random import Random

import atheris

_BLIND = 0.2
"""Share of changes made by libFuzzer itself: bytes, pieces of other inputs, what comparisons asked for."""


def run(name: str, arguments: list[str]) -> None:
    """Search until an argument of libFuzzer ends it, or a promise is broken. Does not return."""
    watched = importlib.import_module("tests.fuzz.targets").WATCHED_BY[name]
    with atheris.instrument_imports(include=list(watched), enable_loader_override=False):
        target = importlib.import_module("tests.fuzz.targets").target(name)

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < _BLIND:
            return bytes(atheris.Mutate(data, max_size))
        return bytes(target.mutated(data, random)[:max_size])

    atheris.Setup([sys.argv[0], *arguments], target.check, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])

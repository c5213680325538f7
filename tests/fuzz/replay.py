"""The whole corpus of a target once more, in a process that does nothing else: ``python -m tests.fuzz.replay TARGET``."""

import sys

from tests.fuzz import corpus
from tests.fuzz.targets import target

if __name__ == "__main__":
    for each in corpus.read(sys.argv[1]).values():
        target(sys.argv[1]).check(each)

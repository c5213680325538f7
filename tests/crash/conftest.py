"""Folders for the many runs of one test."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from shutil import rmtree

import pytest

from tests.crash.runs import fast_folder


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Iterator[Path]]:
    def made(base: Path) -> Iterator[Path]:
        for number in count():
            folder = base / str(number)
            folder.mkdir()
            yield folder
            rmtree(folder)

    with fast_folder(tmp_path) as base:
        yield made(base)

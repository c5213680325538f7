"""The topics of CONTRACT §1 and §5 with the settings each needs, from the one table of them, ``topics.txt``."""

from importlib.resources import files
from typing import Final, NamedTuple

DEFAULT_PARTITIONS: Final = 4
"""Of each topic with customers in it, on one's own machine; a bank takes more (HOUSE "Laws of the log" 6)."""

_OF_THE_INSTALLATION: Final = "*"


class Topic(NamedTuple):
    """A topic; partitions: None for as many as the installation has."""

    name: str
    partitions: int | None
    settings: dict[str, str]


def read(table: str) -> list[Topic]:
    """The topics of a table. Raises ValueError for a line that is none."""
    found = []
    for line in table.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, partitions, settings = line.split()
        count = None if partitions == _OF_THE_INSTALLATION else int(partitions)
        found.append(Topic(name, count, dict(pair.split("=", 1) for pair in settings.split(","))))
    return found


TOPICS: Final = tuple(read(files("infra.cluster").joinpath("topics.txt").read_text("utf-8")))
"""Every topic, those of core systems first."""

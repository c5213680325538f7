"""What goes wrong with a cluster, told so that a person can do something about it."""

from importlib import import_module
from typing import Any


class ClusterTrouble(Exception):
    """What is wrong, where, and what to do about it; in one line."""

    def __init__(self, what: str, where: object = "", do: str = "") -> None:
        super().__init__(": ".join(filter(None, (str(where), what))) + (f"; {do}" if do else ""))


class PortTaken(ClusterTrouble):
    """A port belongs to another program."""

    def __init__(self, port: int) -> None:
        super().__init__(
            "the port belongs to another program", f"port {port}", "give another, or none to have one found"
        )


def library(module: str, package: str) -> Any:
    """A module that comes with the extra alone. Raises ClusterTrouble where it was not installed."""
    try:
        return import_module(module)
    except ImportError:
        raise missing_extra(package) from None


def missing_extra(package: str) -> ClusterTrouble:
    """The trouble of a library that was not installed with this program."""
    return ClusterTrouble(f"{package} is not installed", do="run: pip install 'guanxi[cluster]'")

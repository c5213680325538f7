"""A small Chinese retail bank that never was: its records for demonstrations and tests, the same for the same seed."""

from guanxi.simulator.stream import POLICY_FILE, START, blocks, records

__all__ = ["POLICY_FILE", "START", "blocks", "records"]

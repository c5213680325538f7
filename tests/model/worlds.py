"""Random policies and sources for histories."""

import random
from datetime import date
from typing import Any

from tests.model.months import first_day, month_of, plus_months

CODES = ["gold", "platinum", "diamond", "private"]


def random_policies(rng: random.Random, start: date) -> list[dict[str, Any]]:
    """One to three versions with one currency and one set of required sources; the first is valid always.

    The others become valid around or after `start`, the first day of the history.
    """
    if rng.random() < 0.1:
        return [{}]
    required = rng.choice(
        [None, ["core"], ["core"], ["core", "funds"], ["core", "funds"], ["core", "funds", "gold-desk"]]
    )
    levels = _levels(rng, rng.randint(1, 4))
    windows = _windows(rng)
    versions = []
    count = rng.choice([1, 1, 1, 2, 3])
    later = sorted(rng.sample(range(-2, 20), count - 1))  # months after `start`
    for number in range(count):
        version: dict[str, Any] = {"version": f"v{number + 1}", "currency": "CNY", "levels": levels, "windows": windows}
        if number:
            version["valid_from"] = first_day(plus_months(month_of(start), later[number - 1]))
        if required is not None:
            version["calendar"] = {"sources": required}
        versions.append(version)
        levels = _levels(rng, rng.randint(len(levels), 4))  # a level may come, never go
        windows = windows if rng.random() < 0.7 else _windows(rng)
    return versions


def _levels(rng: random.Random, count: int) -> list[dict[str, str]]:
    small = [100_000, 250_000, 700_000, 1_500_000]
    usual = [20_000_000, 50_000_000, 200_000_000, 600_000_000]
    thresholds = rng.choice([small, small, usual])
    shift = rng.choice([0, 0, 1, 50_000])
    return [
        {"code": code, "threshold": f"{(minor + shift) // 100}.{(minor + shift) % 100:02d}"}
        for code, minor in zip(CODES[:count], thresholds, strict=False)
    ]


def _windows(rng: random.Random) -> dict[str, int]:
    if rng.random() < 0.3:
        return {}
    return {
        "watch_months": rng.randint(1, 4),
        "exit_months": rng.randint(1, 6),
        "grace_months": rng.randint(1, 3),
        "special_years": rng.choice([1, 1, 1, 2]),
        "restatement_months": rng.randint(2, 12),
    }


def random_sources(rng: random.Random, policies: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Required sources, and others that publish and close without being required."""
    required = policies[0].get("calendar", {}).get("sources", ["core"])
    return list(required), rng.choice([[], [], ["cards"]])

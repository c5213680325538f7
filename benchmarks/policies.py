"""The policy to measure with: the built-in one, or the same without a rule that could raise a trigger."""

from __future__ import annotations

from pathlib import Path

from aggregates.triggers.catalog import RULES


def policy_file(folder: Path, *, rules: bool) -> Path:
    """A policy in a folder. rules: whether those of triggers are on; tiers are decided either way."""
    file = folder / f"policy-{'on' if rules else 'off'}.toml"
    tables = (f"[triggers.{rule.code}]\nenabled = {str(rules).lower()}\n" for rule in RULES)
    file.write_text('version = "bench"\n' + "".join(tables), "utf-8")
    return file

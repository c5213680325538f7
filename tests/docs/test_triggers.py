"""The page of the trigger rules: every rule with its name, evidence and parameters, in the order of the catalog."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from msgspec import Meta

from aggregates.triggers.catalog import RULES
from aggregates.triggers.rule import Evidence, Parameters, Rule, Share

PAGE = (Path(__file__).parents[2] / "docs" / "triggers.md").read_text("utf-8")
BY_CODE = {rule.code: rule for rule in RULES}


def rows(columns: str) -> dict[str, list[str]]:
    """The table below these headings by its first column: the cells of the others."""
    table = PAGE.partition(f"| code | {columns} |\n")[2].partition("\n\n")[0].splitlines()[1:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    return {code.strip("`"): others for code, *others in cells}


WHAT, FORM = rows("中文 | fires when"), rows("key | evidence | parameters")


def test_every_rule_stands_in_both_tables_in_the_order_of_the_catalog() -> None:
    assert list(WHAT) == list(FORM) == list(BY_CODE)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_is_what_the_page_says(rule: Rule) -> None:
    name, when = WHAT[rule.code]
    key, evidence, parameters = FORM[rule.code]
    assert name == rule.zh
    assert when
    assert re.findall(r"`(\w+)`", evidence) == list(own(rule.evidence, Evidence))
    assert parameters == ", ".join(f"{field} {written(rule, field)}" for field in parameters_of(rule))
    assert (key == "date") == rule.cools


def own(kind: type[msgspec.Struct], base: type[msgspec.Struct]) -> Iterator[str]:
    """Fields of a struct that its base does not have, in order."""
    return (field for field in kind.__struct_fields__ if field not in base.__struct_fields__)


def parameters_of(rule: Rule) -> list[str]:
    """What a policy may set of a rule alone, what it has of its kind last."""
    return sorted(own(rule.parameters, Parameters), key=lambda field: field == "cooldown_days")


def written(rule: Rule, field: str) -> str:
    """The default of a parameter as a policy file has it."""
    value: Any = getattr(rule.parameters(), field)
    if isinstance(value, Share):
        return f'"{value.part / value.whole:.2f}"'
    if isinstance(value, tuple):
        return str(list(value))
    hint = get_type_hints(rule.parameters, include_extras=True)[field]
    is_amount = any(isinstance(each, Meta) and "x-minor" in (each.extra_json_schema or {}) for each in get_args(hint))
    return f'"{value // 100}.{value % 100:02d}"' if is_amount else str(value)

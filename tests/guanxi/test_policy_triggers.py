"""The form of `[triggers]` follows from what rules declare, whichever rules there are (CONTRACT §3, §5)."""

from typing import Annotated, Any

import pytest
from msgspec import Meta
from pydantic import ValidationError

from aggregates.triggers.rule import AtLeastOne, Cooling, Minor, Parameters, Share
from guanxi.policy_triggers import stated, tables, too_fine


class Fall(Cooling, frozen=True):
    """Every kind of parameter that a rule may have."""

    share: Share = Share(70, 100)
    thousandth: Share = Share(1, 1000)
    half: Share = Share(1, 2)
    at_least: Minor = 50_000_00
    days: AtLeastOne = 30
    from_day: Annotated[int, Meta(ge=1, le=31)] = 10
    steps: tuple[AtLeastOne, ...] = (1, 30)


class Plain(Parameters, frozen=True):
    """Nothing of its own."""


RULES: dict[str, type[Parameters]] = {"fall": Fall, "plain": Plain}
TRIGGERS = tables(RULES)


def said(content: dict[str, Any], digits: int = 2) -> dict[str, dict[str, Any]]:
    return stated(TRIGGERS.model_validate(content), RULES, digits)


def test_defaults_are_written_as_a_file_would_state_them() -> None:
    assert TRIGGERS().model_dump() == {
        "fall": {
            "enabled": True, "expire_days": 30, "cooldown_days": 30, "share": "0.70", "thousandth": "0.001",
            "half": "0.50", "at_least": "50000.00", "days": 30, "from_day": 10, "steps": [1, 30],
        },
        "plain": {"enabled": True, "expire_days": 30},
    }  # fmt: skip


def test_what_is_stated_is_kept_and_nothing_else() -> None:
    assert said({}) == {}
    assert said({"plain": {}}) == {"plain": {}}
    whole = {"share": "0.7", "at_least": "1.50", "steps": [2, 3], "enabled": False, "cooldown_days": 0}
    assert said({"fall": whole}) == {
        "fall": {"share": [7, 10], "at_least": 150, "steps": [2, 3], "enabled": False, "cooldown_days": 0}
    }
    assert said({"fall": {"at_least": "1500"}}, digits=0) == {"fall": {"at_least": 1500}}
    assert said({"fall": {"at_least": "1.234"}}, digits=3) == {"fall": {"at_least": 1234}}


def test_an_amount_finer_than_the_currency_is_named_and_a_default_is_none() -> None:
    fine = TRIGGERS.model_validate({"fall": {"at_least": "1.234"}})
    assert list(too_fine(fine, RULES, 2)) == [("fall", "at_least")]
    assert list(too_fine(fine, RULES, 3)) == list(too_fine(TRIGGERS(), RULES, 0)) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"fal": {}}, "extra_forbidden"),
        ({"fall": {"size": 1}}, "extra_forbidden"),
        ({"plain": {"cooldown_days": 1}}, "extra_forbidden"),
        ({"fall": {"share": "1.01"}}, "at most"),
        ({"fall": {"share": "0.0"}}, "above"),
        ({"fall": {"share": 0.7}}, "string"),
        ({"fall": {"at_least": "-1"}}, "decimal"),
        ({"fall": {"at_least": 1}}, "string"),
        ({"fall": {"days": 0}}, "greater than or equal to 1"),
        ({"fall": {"from_day": 32}}, "less than or equal to 31"),
        ({"fall": {"days": True}}, "integer"),
        ({"fall": {"steps": [30, 1]}}, "ascending"),
        ({"fall": {"steps": []}}, "at least 1"),
        ({"fall": {"steps": [0]}}, "greater than or equal to 1"),
        ({"fall": {"enabled": "no"}}, "boolean"),
    ],
)
def test_what_a_rule_does_not_take_is_refused(content: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TRIGGERS.model_validate(content)


def test_a_parameter_of_an_unknown_kind_is_a_fault_of_the_rule() -> None:
    class Odd(Parameters, frozen=True):
        when: complex = 1j

    with pytest.raises(TypeError, match="complex"):
        tables({"odd": Odd})

"""What a policy version says of the rules: their parameters, and what these mean for what has to be remembered."""

from typing import Any, NamedTuple, get_type_hints

import msgspec
from msgspec import Meta

from aggregates.money import exponent
from aggregates.policy import Policy
from aggregates.triggers import catalog
from aggregates.triggers.rule import Parameters, Rule

_WRITTEN_DIGITS = 2
"""Digits after the point in which the default of an amount is written."""
LONGEST_MONTH_DAYS = 31
NEVER = 2**100
"""An amount that nothing reaches."""


def parameters_of(policy: Policy, rule: Rule) -> Any:
    """What a policy version says of a rule: what is stated, else the default; amounts in minor units of its currency."""
    stated = policy.triggers.get(rule.code, {})
    digits = exponent(policy.currency)
    if digits != _WRITTEN_DIGITS:
        default = rule.parameters()
        scaled = {
            name: getattr(default, name) * 10**digits // 10**_WRITTEN_DIGITS for name in amounts_of(rule.parameters)
        }
        stated = scaled | stated
    return msgspec.convert(stated, rule.parameters)


def amounts_of(parameters: type[Parameters]) -> tuple[str, ...]:
    """Names of the parameters that are amounts."""
    hints = get_type_hints(parameters, include_extras=True)
    return tuple(
        name
        for name, hint in hints.items()
        if any(isinstance(each, Meta) and (each.extra_json_schema or {}).get("x-minor") for each in _metadata(hint))
    )


def _metadata(hint: Any) -> tuple[Any, ...]:
    return getattr(hint, "__metadata__", ())


class Terms(NamedTuple):
    """The rules under a policy version.

    parameters: by code, of all rules; look_back: days before a day of which AUM may be asked at its close; payroll_months:
    months before one; worth: money out of at least so much is named on later days too; floor: no record makes a rule that
    looks at money true at once before so much went out, minor units.
    """

    version: str
    parameters: dict[str, Any]
    look_back: int
    payroll_months: int
    worth: int
    floor: int


def terms_of(policy: Policy) -> Terms:
    """The rules under a policy version."""
    parameters = {rule.code: parameters_of(policy, rule) for rule in catalog.RULES}
    asked = [(rule, parameters[rule.code]) for rule in catalog.RULES]
    return Terms(
        policy.version,
        parameters,
        max([LONGEST_MONTH_DAYS, *(rule.looks_back(p) for rule, p in asked if rule.looks_back)]),
        max([0, *(rule.payroll_months(p) for rule, p in asked if rule.payroll_months)]),
        min([NEVER, *(rule.names_from(p) for rule, p in asked if rule.names_from)]),
        min([NEVER, *(_floor(rule, p) for rule, p in asked if rule.on_record and rule.cools and p.enabled)]),
    )


def _floor(rule: Rule, parameters: Any) -> int:
    return rule.floor(parameters) if rule.floor is not None else 0

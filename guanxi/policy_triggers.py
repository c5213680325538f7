"""The tables `[triggers.<code>]` of a policy file, as the rules themselves declare their parameters.

What a rule takes (``aggregates.triggers.rule.Parameters``) says everything: a share is written as a decimal number up to 1, an
amount as a decimal number in whole units of the policy's currency, several numbers ascending. So another rule needs nothing
here.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta
from pydantic import AfterValidator, BaseModel, Field, create_model

from aggregates.money import scaled, share
from aggregates.triggers.rule import Parameters, Share
from guanxi.policy_words import Decimal, ShareText, Strict, ascending

_DEFAULTS_DIGITS = 2
"""Default amounts of rules are in hundredths of a whole unit, whatever the currency."""

Rules = Mapping[str, type[Parameters]]
"""What rules may be told, by code."""


def tables(rules: Rules) -> type[BaseModel]:
    """The form of `[triggers]`: a table for each code, with every parameter and its default as a file would state them."""
    found = {code: _table(parameters) for code, parameters in rules.items()}
    fields: dict[str, Any] = {code: (table, table()) for code, table in found.items()}
    return create_model("Triggers", __base__=Strict, **fields)


def stated(triggers: BaseModel, rules: Rules, digits: int) -> dict[str, dict[str, Any]]:
    """What a file says of triggers, as the policy keeps it: shares as [part, whole], amounts in minor units.

    digits: of the currency behind the point. Raises ValueError for an amount with more; see ``too_fine``.
    """
    said: dict[str, dict[str, Any]] = {}
    for code in rules:
        if code in triggers.model_fields_set:
            table = getattr(triggers, code)
            said[code] = {
                name: _kept(kind, getattr(table, name), digits)
                for name, kind in _kinds(rules[code]).items()
                if name in table.model_fields_set
            }
    return said


def too_fine(triggers: BaseModel, rules: Rules, digits: int) -> Iterable[tuple[str, str]]:
    """(code, parameter) of amounts that a file says with more digits behind the point than the currency has."""
    for code in rules:
        table = getattr(triggers, code)
        for name, kind in _kinds(rules[code]).items():
            if _is_minor(kind) and name in table.model_fields_set:
                try:
                    scaled(getattr(table, name), digits)
                except ValueError:
                    yield code, name


def _kinds(parameters: type[Parameters]) -> dict[str, Any]:
    return get_type_hints(parameters, include_extras=True)


def _table(parameters: type[Parameters]) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(parameters):
        kind = _kinds(parameters)[field.name]
        fields[field.name] = (_form(kind), _written(kind, field.default))
    return create_model(parameters.__name__, __base__=Strict, **fields)


def _form(kind: Any) -> Any:
    """How a parameter is written in a file."""
    if kind is Share:
        return ShareText
    if _is_minor(kind):
        return Decimal
    if get_origin(kind) is Annotated and get_args(kind)[0] is int:
        bounds = [Field(ge=meta.ge, le=meta.le) for meta in get_args(kind)[1:] if isinstance(meta, Meta)]
        return Annotated[(int, *bounds)]
    if get_origin(kind) is tuple:
        return Annotated[list[_form(get_args(kind)[0])], Field(min_length=1), AfterValidator(ascending)]  # type: ignore[misc]
    if kind in (bool, int, str):
        return kind
    raise TypeError(f"{kind}: no form for a parameter of this kind")


def _is_minor(kind: Any) -> bool:
    metas = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return any(isinstance(meta, Meta) and (meta.extra_json_schema or {}).get("x-minor") for meta in metas)


def _written(kind: Any, value: Any) -> Any:
    """A default as a file would state it."""
    if kind is Share:
        return _decimal(value.part, value.whole)
    if _is_minor(kind):
        return _decimal(value, 10**_DEFAULTS_DIGITS)
    return list(value) if isinstance(value, tuple) else value


def _decimal(part: int, whole: int) -> str:
    """A fraction as a decimal number with at least two digits: 70, 100 -> "0.70"."""
    digits = _DEFAULTS_DIGITS
    while part * 10**digits % whole:
        digits += 1
    units, rest = divmod(part * 10**digits // whole, 10**digits)
    return f"{units}.{rest:0{digits}d}"


def _kept(kind: Any, value: Any, digits: int) -> Any:
    if kind is Share:
        return list(share(value))
    return scaled(value, digits) if _is_minor(kind) else value

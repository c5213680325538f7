"""The life of triggers: when what is true is news, and what becomes of it (DOMAIN §5, How often).

raised → claimed → contacted → retained / lost / no_need, or expired, or withdrawn. Each step is a line of the log.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from aggregates.customer import Customer
from aggregates.dates import Day, iso
from aggregates.triggers import catalog
from aggregates.triggers.memory import Life, Open, Raise
from aggregates.triggers.rule import Found, Rule
from aggregates.triggers.view import View
from events.codec import DAYS
from events.decisions import Cause, Step, TriggerMoved

OUTCOMES = frozenset({"retained", "lost", "no_need"})
_ENDS = OUTCOMES | {"expired", "withdrawn"}


def life_of(customer: Customer) -> Life:
    """The customer's life of triggers, begun if there was none."""
    life = customer.life
    if life is None:
        life = customer.life = Life()
    return life


# ------------------------------------------------------------------------------------------------------ evolve


def evolve(customer: Customer, line: TriggerMoved) -> None:
    """Apply a step."""
    life = life_of(customer)
    life.sequence = line.sequence
    if line.step == "raised":
        _raised(life, line)
        return
    at = next((at for at, each in enumerate(life.open) if (each.code, each.key) == (line.code, line.key)), None)
    if at is None:
        return
    if line.step not in _ENDS:
        life.open[at].step = line.step
        return
    found = life.open.pop(at)
    if line.step == "withdrawn":
        life.withdrawn = DAYS[line.business_date]
    raises = life.raises.get(line.code, [])
    for place, each in enumerate(raises):
        if each.on == found.on:
            if line.step == "withdrawn":
                del raises[place]
            else:
                each.is_open = False
            break
    _forget(life, line.code)


def _raised(life: Life, line: TriggerMoved) -> None:
    on = DAYS[line.business_date]
    life.open.append(Open(line.code, line.key, on, "raised", line.evidence, line.says))
    rule = catalog.rule_of(line.code)
    if rule is not None and rule.cools:
        life.raises.setdefault(line.code, []).append(Raise(on, line.evidence))
        life.last[line.code] = on
    else:
        life.keys.setdefault(line.code, []).append(line.key)


def _forget(life: Life, code: str) -> None:
    """Drop raises before the last one that cannot be withdrawn any more: no rule compares with these again."""
    raises = life.raises.get(code, [])
    ended = [at for at, each in enumerate(raises) if not each.is_open]
    if ended:
        del raises[: ended[-1]]


# ------------------------------------------------------------------------------------------------------ steps


def step_of(customer: Customer, of: Open, step: Step, day: Day, version: str, *, manager_id: str | None = None,
            cause: Sequence[Cause] | None = None) -> TriggerMoved:  # fmt: skip
    """The next step of an open trigger, not yet evolved. day: its business date; version: of the policy."""
    return TriggerMoved(
        sequence=life_of(customer).sequence + 1,
        customer_id=customer.id,
        code=of.code,
        key=of.key,
        step=step,
        business_date=iso(day),
        evidence=of.evidence,
        says=of.says,
        policy_version=version,
        manager_id=manager_id,
        cause=None if cause is None else tuple(cause),
    )


def raise_of(customer: Customer, rule: Rule, found: Found, view: View, version: str, currency: str) -> TriggerMoved:
    """The first step of a trigger, not yet evolved. view: in which it was found; version: of the policy."""
    evidence = found.evidence
    if rule.named is not None:
        evidence = msgspec.structs.replace(evidence, records=rule.named(view, evidence))
    return TriggerMoved(
        sequence=life_of(customer).sequence + 1,
        customer_id=customer.id,
        code=rule.code,
        key=found.key,
        step="raised",
        business_date=iso(view.day),
        evidence=msgspec.json.decode(msgspec.json.encode(evidence)),
        says=msgspec.to_builtins(rule.says(evidence, currency)),
        policy_version=version,
    )


def is_news(life: Life | None, rule: Rule, parameters: Any, found: Found, day: Day) -> bool:
    """Whether it is to be raised on a business date, given what was raised before."""
    if life is None:
        return True
    if not rule.cools:
        return found.key not in life.keys.get(rule.code, ())
    return life.last.get(rule.code, 0) < day and (
        _is_due(life, rule, parameters, day) or _is_worse(life, rule, parameters, found)
    )


def _is_due(life: Life, rule: Rule, parameters: Any, day: Day) -> bool:
    """Whether none is open and the last raise is long enough ago."""
    raises = life.raises.get(rule.code)
    if not raises:
        return True
    is_open = any(of.code == rule.code for of in life.open)
    return not is_open and bool(day - raises[-1].on >= parameters.cooldown_days)


def _is_worse(life: Life, rule: Rule, parameters: Any, found: Found) -> bool:
    if rule.worse is None:
        return False
    last = msgspec.convert(life.raises[rule.code][-1].evidence, rule.evidence)
    return rule.worse(parameters, found.evidence, last)


def expires_on(of: Open, parameters: Any) -> Day:
    """The day on whose close a trigger without an outcome expires."""
    return of.on + int(parameters.expire_days)


def cools_until(life: Life, rule: Rule, parameters: Any) -> Day:
    """The day on whose close a rule that cools may raise again by time alone; 0: it may already."""
    raises = life.raises.get(rule.code)
    return raises[-1].on + int(parameters.cooldown_days) if raises else 0

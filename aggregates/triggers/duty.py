"""What a shard knows of triggers besides its customers: which rules are active, and whom the next closes look at.

What a look asks is a number, a bit for each rule by the order in which rules became active, and ``LIFE`` for what stands open.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from aggregates.customer import Customer
from aggregates.dates import Day, Month, first_day, month_of
from aggregates.policy import Policies, Policy
from aggregates.triggers import catalog
from aggregates.triggers.memory import CHANGED
from aggregates.triggers.rule import LOANS, MORE, OUTS, RELATIONS, STORY, Rule, never
from aggregates.triggers.terms import NEVER, Terms, terms_of
from aggregates.waiting import Noted

if TYPE_CHECKING:
    from aggregates.triggers.sifting import Sifted

ALL, LIFE = -1, 1
"""Asks everything; asks no rule, only whether an open trigger ends."""


class Judged(NamedTuple):
    """A rule that is active and enabled, its parameters now, and the bit that asks it."""

    rule: Rule
    parameters: Any
    bit: int


class Asked(NamedTuple):
    """Of the rules that are asked those that may have something to say of a customer (``Rule.needs``).

    planning: those of them that know days of their own (``Rule.due``); bits: of all of them.
    """

    judged: tuple[Judged, ...]
    planning: tuple[Judged, ...]
    bits: int


class Duty:
    """A part of the state of a shard.

    triggers: codes that are active; active: customers with a record or a tier decision since the last close that the next one
    has something to do with, None in place of one made cold since; days_due: days on whose close customers are looked at
    (``aggregates.triggers.sifting``); everyone: whether the next close looks at all; noted: before the first close what may
    raise a trigger at once, by customer and what it is.
    """

    def __init__(self, policies: Policies) -> None:
        self.policies = policies
        self.triggers: dict[str, None] = {}
        self.active: dict[str, Customer | None] = {}
        self.days_due: dict[Day, dict[str, None]] = {}
        self.everyone = False
        self.noted: dict[str, Noted] = {}
        self.sifted: Sifted | None = None
        """Worked out once a close; not part of the state."""
        self._terms: dict[str, Terms] = {}
        self._judged_by: tuple[str, ...] = ()

    def cooled(self, customer_id: str) -> None:
        """A customer was made cold, and will be another object: what names the one it was lets go of it."""
        self.sifted = None
        if customer_id in self.active:
            self.active[customer_id] = None

    def renew_rules(self, policy: Policy, last_closed: Month) -> None:
        """Recompute what follows from policies and active rules: what is judged, and how far back is remembered."""
        if list(self._terms) != [each.version for each in self.policies]:
            self._terms = {each.version: terms_of(each) for each in self.policies}
            everyone = self._terms.values()
            self.look_back = max(terms.look_back for terms in everyone)
            self.payroll_months = max(terms.payroll_months for terms in everyone)
            self.worth = min(terms.worth for terms in everyone)
            self._judged_by = ()
        by = (policy.version, *self.triggers)
        if self._judged_by != by:
            self._judged_by = by
            parameters = self._terms[policy.version].parameters
            active = [(rule, parameters[rule.code]) for rule in catalog.RULES if rule.code in self.triggers]
            self.bits = {code: LIFE << at for at, code in enumerate(self.triggers, 1)}
            self._asked_of: dict[tuple[int, int], Asked] = {}
            self.judged = tuple(
                Judged(rule, of_rule, self.bits[rule.code]) for rule, of_rule in active if of_rule.enabled
            )
            self.put_off = sum(each.bit for each in self.judged if each.rule.put_off)
            self.least = tuple(
                (each.bit, bool(each.rule.needs & OUTS), each.rule.least(each.parameters))
                for each in self.judged
                if each.rule.least
            )
            """(bit, whether money out is counted and not payrolls, how many)."""
            self.stinted = self.put_off | sum(bit for bit, _, _ in self.least)
            self.resting = sum(each.bit for each in self.judged if callable(each.rule.rests))
            self.following = {each.bit: each for each in self.judged if each.rule.follows}
            self.staying = self.resting - sum(self.following)
            self.losing = sum(each.bit for each in self.judged if each.rule.cools and each.rule.on_record)
            self.asked_by = tuple(self._asked_by(marks) for marks in range(2 * CHANGED))
            """By marks."""
            self.on_types = frozenset(kind for rule, _ in active for kind in rule.records)
            looks = any(rule.on_record and rule.cools for rule, _ in active)
            self.floor = min(terms.floor for terms in self._terms.values()) if looks else NEVER
        self.days_from: Day = first_day(last_closed + 1) - self.look_back if last_closed else 0

    def _asked_by(self, marks: int) -> int:
        """What is asked because of what was taken (``aggregates.triggers.memory``: marks)."""
        if marks & CHANGED:
            return ALL
        asked = 0
        for each in self.judged:
            if marks & each.rule.stirred or each.rule.rests is None:
                asked |= each.bit
        return asked

    def asked_of(self, customer: Customer, asked: int = ALL) -> Asked:
        """What is asked, as far as it concerns a customer."""
        conduct, known = customer.conduct, 0
        if customer.story is not None:
            known |= STORY
        if customer.relations is not None:
            known |= RELATIONS
        if customer.loans is not None:
            known |= LOANS
        assert conduct is not None  # begun with the first line about the customer
        if conduct.more is not None:
            known |= MORE
        if conduct.outs:
            known |= OUTS
        found = self._asked_of.get((asked, known))
        if found is None:
            judged = tuple(
                each for each in self.judged if each.bit & asked and (not each.rule.needs or each.rule.needs & known)
            )
            planning = tuple(each for each in judged if each.rule.due is not never)
            found = self._asked_of[asked, known] = Asked(judged, planning, sum(each.bit for each in judged))
        return found

    def terms_at(self, day: Day) -> Terms:
        """The rules under the policy version that is valid for a day."""
        return self._terms[self.policies.at(month_of(day)).version]

    def days_kept(self, customer: Customer) -> Day:
        """From which day accounts of a customer keep their days, as they are brought to the last closed month."""
        life = customer.life
        if life is None or not life.open:
            return self.days_from
        return min(self.days_from, life.open[0].on - self.look_back)

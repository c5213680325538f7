"""What a retention trigger's rule is: when it fires, with which evidence, in which words (DOMAIN §5, CONTRACT §5).

A rule looks at one customer through a ``View`` and says what is true there. Whether that is news (cooldown, keys, getting
worse), what becomes of it and when it has to be looked at again is the same for all of them: ``aggregates.triggers.life``.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from aggregates.dates import Day
from aggregates.money import exponent
from aggregates.triggers.view import View
from events.decisions import Cause
from events.fields import Record


class Share(NamedTuple):
    """A part of a whole, compared without dividing: 70 / 100."""

    part: int
    whole: int

    def at_least(self, amount: int, base: int) -> bool:
        """Whether `amount` is this share of `base` or more."""
        return amount * self.whole >= base * self.part

    def at_most(self, amount: int, base: int) -> bool:
        """Whether `amount` is this share of `base` or less."""
        return amount * self.whole <= base * self.part


Minor = Annotated[int, Meta(ge=0, extra_json_schema={"x-minor": True})]
"""A parameter that is an amount: minor units of the policy's currency; a default is in hundredths of a whole unit."""
AtLeastOne = Annotated[int, Meta(ge=1, le=10_000)]
ZeroOrMore = Annotated[int, Meta(ge=0, le=10_000)]


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy may set of a rule (CONTRACT §3). expire_days: after so many days without an outcome it expires."""

    enabled: bool = True
    expire_days: AtLeastOne = 30


class Cooling(Parameters, frozen=True):
    """Of a rule without a key of its own. cooldown_days: from a raise that was not withdrawn to the next one."""

    cooldown_days: ZeroOrMore = 30


class Evidence(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What a trigger rests on: typed per rule, money in minor units. records: those behind it, in log order."""

    records: tuple[Cause, ...]


class Found(NamedTuple):
    """Something true of a customer. key: as CONTRACT §5; of a rule that cools down the business date."""

    key: str
    evidence: Any


class Rest(NamedTuple):
    """Amounts between which plain money makes no news for a rule, minor units; None: no bound on that side.

    low, high: of end-of-day AUM; low_average, high_average: of the projected average of the month, below the latter.
    """

    low: int | None = None
    high: int | None = None
    low_average: int | None = None
    high_average: int | None = None


UNBOUND = Rest()
"""Plain money makes no news for the rule, however much it is."""
NEVER_RESTS = Rest(1, 0)
"""Between no amounts: every record may make news."""


STORY, RELATIONS, LOANS, MORE, OUTS = (1 << n for n in range(5))
"""What may be known of a customer: a story of its tier, relations, loans; of its conduct products and payrolls, money out."""


class Says(msgspec.Struct, frozen=True, gc=False):
    """A trigger in a sentence, for the screens of two languages."""

    zh: str
    en: str


def never(_view: View, _parameters: Any) -> Day:
    """No day of its own: the rule can only become true with a line about the customer."""
    return 0


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One retention trigger.

    find: what is true of a customer at the close of ``view.day``, keys ascending, whether or not it was raised before;
    with the same view it gives the same, also long afterwards: that is how an open trigger is tested again.
    named: the records of an evidence that `find` gives without any, asked for as it is raised; None: `find` names them.
    due: the next day after ``view.day`` on whose close `find` may give something that it does not give today although no
    further line about the customer came, 0 for none; it may be too early, never too late. Days from which something counts
    that is dated ahead (``view.next_change``) are asked anyway. Of a rule that cools: when it becomes true or its evidence
    may be worse; while it stays true, its next raise is for ``life`` to time.
    on_record: what one record, just taken on the open day ``view.day``, makes true at once; None: nothing does.
    worse: whether new evidence is so much worse than that of the last raise that cooldown and an open trigger are no
    matter; None: it never is.
    holds: whether what was raised under a key on ``view.day`` is still true, as known now; None: whether `find` gives the
    key.
    cools: whether the key is the business date and raises keep `cooldown_days` apart; else a key is raised once for ever.
    records: types of records that `on_record` looks at; of a rule that cools it is all that move money, from the moment
    when at least `floor` went out on the open day, and what they raised is tested again as that day closes.

    What the rule wants remembered: looks_back: of how many days before ``view.day`` it asks AUM, if of more than a month;
    rests: between which amounts neither `find` nor `due` gives anything new as long as nothing comes but money of one leg,
    spent or received on its value date, and valuations: who only spends is not looked at then. The last argument is the
    evidence of the last raise of a rule that cools, if it was not withdrawn. UNBOUND: whatever the amounts; None: everything
    may be news. follows: of a rule
    that finds nothing while AUM only rises: what `rests` gives as AUM, which it is told, has left the bounds upwards by such
    money, so that it need not be asked; None: it must be. stirred: by
    which of it it is all the same (``aggregates.triggers.memory``: marks). put_off: whether that finds nothing at once and
    plans no day before one that is planned already, so that there is nothing to ask while there is one. least: before so many
    entries of what it needs (money out, of other rules payrolls) are known, what stirs it is no news either.
    arms: whether `find` asks whether the rule is armed, which is remembered for no other (``view.is_armed``).
    needs: one of these must be known of a customer for `find` or `due` to give anything (``STORY`` and so on); 0: none.
    payroll_months: of how many months before this one it asks payrolls; names_from: the least money out that it names on
    days behind its own (``view.outs``).
    """

    code: str
    zh: str
    en: str
    parameters: type[Parameters]
    evidence: type[Evidence]
    says: Callable[[Any, str], Says]
    """The sentence of an evidence; the text is the currency."""
    find: Callable[[View, Any], Iterable[Found]]
    named: Callable[[View, Any], tuple[Cause, ...]] | None = None
    due: Callable[[View, Any], Day] = never
    on_record: Callable[[View, Any, Record], Iterable[Found]] | None = None
    worse: Callable[[Any, Any, Any], bool] | None = None
    """(parameters, evidence now, evidence of the last raise)."""
    holds: Callable[[View, Any, str], bool] | None = None
    cools: bool = False
    records: tuple[type[Record], ...] = ()
    floor: Callable[[Any], int] | None = None
    rests: Callable[[View, Any, Any], Rest] | Rest | None = None
    follows: Callable[[Any, int], Rest | None] | None = None
    stirred: int = 0
    put_off: bool = False
    least: Callable[[Any], int] | None = None
    arms: bool = False
    needs: int = 0
    looks_back: Callable[[Any], int] | None = None
    payroll_months: Callable[[Any], int] | None = None
    names_from: Callable[[Any], int] | None = None


@lru_cache(maxsize=16)
def money(minor: int, currency: str) -> str:
    """An amount for a sentence: 1234567 CNY -> "12,345.67 CNY". Said in two languages, it is written once."""
    digits = exponent(currency)
    if digits == 2 and minor >= 0:
        return f"{minor // 100:,}.{minor % 100:02d} {currency}"
    whole, rest = divmod(abs(minor), 10**digits)
    text = f"{whole:,}" + (f".{rest:0{digits}d}" if digits else "")
    return f"{'-' if minor < 0 else ''}{text} {currency}"


def yuan(minor: int, currency: str) -> str:
    """An amount for a Chinese sentence: 1234567 CNY -> "12,345.67 元"; other currencies by their code."""
    text = money(minor, currency)
    return text.replace(" CNY", " 元")


def beside(left: str, right: str) -> str:
    """Two parts of a Chinese sentence, the second of which begins in Chinese: Latin letters and digits keep a space from it."""
    return f"{left} {right}" if left[-1].isascii() and left[-1].isalnum() else left + right

"""``credit_warning``: a loan got worse, or a manager saw a sign that it will (DOMAIN §5)."""

from collections.abc import Iterable, Iterator

from aggregates.triggers.rule import LOANS, RELATIONS, UNBOUND, AtLeastOne, Evidence, Found, Parameters, Rule, Says
from aggregates.triggers.view import CreditSign, LoanStep, View
from events.decisions import Cause
from events.fields import Record
from events.interactions import ManagerContact
from events.transactions import LoanClassified, LoanOverdue

CLASSES = {"normal": "正常", "special_mention": "关注", "substandard": "次级", "doubtful": "可疑", "loss": "损失"}
"""Classes of loans from good to bad, with the words of the screens."""


class CreditWarningParameters(Parameters, frozen=True):
    """overdue: the days overdue, each of which warns once per loan."""

    overdue: tuple[AtLeastOne, ...] = (1, 30, 60, 90, 180)


class CreditWarningEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """before, after: classes; days_overdue: as said; of a manager's sign nothing but the record."""

    before: str | None = None
    after: str | None = None
    days_overdue: int | None = None


def find(view: View, parameters: CreditWarningParameters) -> Iterator[Found]:
    """Every step for the worse and every sign since the last close: what was late waited for this one."""
    return _found(view.loan_steps(), view.credit_signs(), parameters)


def on_record(view: View, parameters: CreditWarningParameters, record: Record) -> Iterator[Found]:
    """What a record says, unless its day is closed."""
    cause, closed = Cause(record.source, record.event_id), view.closed_through
    return _found(
        (each for each in view.loan_steps() if each.cause == cause and each.day > closed),
        (each for each in view.credit_signs() if each.cause == cause and each.day > closed),
        parameters,
    )


def holds(_view: View, _parameters: CreditWarningParameters, _key: str) -> bool:
    """What was said of a loan was said: nothing takes it back."""
    return True


def _found(
    steps: Iterable[LoanStep], signs: Iterable[CreditSign], parameters: CreditWarningParameters
) -> Iterator[Found]:
    found: dict[str, CreditWarningEvidence] = {}
    for step in steps:
        for key, evidence in _of_class(step) if step.kind == "class" else _of_overdue(step, parameters):
            found.setdefault(key, evidence)
    for sign in signs:
        found.setdefault(f"sign:{sign.cause.event_id}", CreditWarningEvidence(records=(sign.cause,)))
    yield from (Found(key, found[key]) for key in sorted(found))


def _of_class(step: LoanStep) -> Iterator[Found]:
    before, after = str(step.before), str(step.after)
    ranks = list(CLASSES)
    if ranks.index(after) > ranks.index(before):
        yield Found(f"{step.loan_id}:{after}", CreditWarningEvidence(before=before, after=after, records=(step.cause,)))


def _of_overdue(step: LoanStep, parameters: CreditWarningParameters) -> Iterator[Found]:
    before, after = int(step.before), int(step.after)
    for days in parameters.overdue:
        if before < days <= after:
            evidence = CreditWarningEvidence(days_overdue=after, records=(step.cause,))
            yield Found(f"{step.loan_id}:overdue-{days}", evidence)


def says(evidence: CreditWarningEvidence, _currency: str) -> Says:
    """What got worse."""
    before, after, days = evidence.before, evidence.after, evidence.days_overdue
    if before is not None and after is not None:
        return Says(
            zh=f"贷款分类由{CLASSES[before]}下调为{CLASSES[after]}",
            en=f"A loan was classified {_words(after)}, {_words(before)} before",
        )
    if days is not None:
        return Says(zh=f"贷款逾期 {days} 天", en=f"A loan is {days} {'day' if days == 1 else 'days'} overdue")
    return Says(zh="客户经理上报了信用风险信号", en="A manager reported a sign of credit trouble")


def _words(class_name: str) -> str:
    return class_name.replace("_", " ")


RULE = Rule(
    code="credit_warning",
    zh="信用预警",
    en="Credit warning",
    parameters=CreditWarningParameters,
    evidence=CreditWarningEvidence,
    says=says,
    find=find,
    on_record=on_record,
    holds=holds,
    records=(LoanClassified, LoanOverdue, ManagerContact),
    rests=UNBOUND,
    needs=RELATIONS | LOANS,
)

"""``payroll_stopped``: a salary that came every month did not come (DOMAIN §5)."""

from collections.abc import Iterable, Iterator

from aggregates.dates import Day, Month, days_in, first_day, iso, iso_month, month_of
from aggregates.triggers.memory import PAID
from aggregates.triggers.rule import MORE, UNBOUND, AtLeastOne, Evidence, Found, Parameters, Rule, Says, ZeroOrMore
from aggregates.triggers.view import LAST, Payroll, View


class PayrollStoppedParameters(Parameters, frozen=True):
    """months: in a row with a payroll before; after_days: past the latest day it came; window_days: without one."""

    months: AtLeastOne = 3
    after_days: ZeroOrMore = 5
    window_days: AtLeastOne = 25


class PayrollStoppedEvidence(Evidence, frozen=True, kw_only=True, gc=False):
    """days: dates of the first payroll of each month before, ascending; records: those payrolls."""

    days: tuple[str, ...]


def find(view: View, parameters: PayrollStoppedParameters) -> Iterator[Found]:
    """The month whose salary is given up on this day, if none came.

    The day is `after_days` behind a day of the month, so the month follows from the day.
    """
    day, month = view.day, month_of(view.day - parameters.after_days)
    if view.payrolls(day - parameters.window_days, day):
        return
    paid = view.payrolls(first_day(month - parameters.months), day)
    before = _before(_firsts(paid), month, parameters)
    if before and _given_up(before, month, parameters) == day:
        days = tuple(iso(each.day) for each in before)
        records = tuple(dict.fromkeys(each.cause for each in before))  # brought forward: one record for all
        yield Found(iso_month(month), PayrollStoppedEvidence(days=days, records=records))


def due(view: View, parameters: PayrollStoppedParameters) -> Day:
    """The next day on which a month is given up, by the payrolls that are known."""
    month = month_of(view.day - parameters.after_days)
    paid = view.payrolls(_since(month, parameters), LAST)
    if len(paid) < parameters.months:
        return 0
    firsts = _firsts(paid)
    for following in sorted(each + 1 for each in firsts):
        before = _before(firsts, following, parameters)
        day = _given_up(before, following, parameters) if before else 0
        if day > view.day and not _came(paid, day, parameters):
            return day
    return 0


def _months_back(parameters: PayrollStoppedParameters) -> int:
    """Months that the days without a payroll and the months before them may reach back, at most."""
    return parameters.months + (parameters.after_days + parameters.window_days) // 28 + 2


def _since(month: Month, parameters: PayrollStoppedParameters) -> Day:
    """The first day that counts for a month: of the months before it, or of the days without a payroll."""
    return min(first_day(month - parameters.months), first_day(month) - parameters.window_days)


def _firsts(paid: Iterable[Payroll]) -> dict[Month, Payroll]:
    """The first payroll of each month."""
    firsts: dict[Month, Payroll] = {}
    for each in sorted(paid, key=lambda payroll: payroll.day):
        firsts.setdefault(month_of(each.day), each)
    return firsts


def _before(firsts: dict[Month, Payroll], month: Month, parameters: PayrollStoppedParameters) -> list[Payroll]:
    """The first payrolls of the months before; none if one of them had none."""
    before = [firsts[each] for each in range(month - parameters.months, month) if each in firsts]
    return before if len(before) == parameters.months else []


def _given_up(before: Iterable[Payroll], month: Month, parameters: PayrollStoppedParameters) -> Day:
    """The latest day of the month on which it came, in this month, and some days more."""
    latest = max(each.day - first_day(month_of(each.day)) + 1 for each in before)
    return first_day(month) + min(latest, days_in(month)) - 1 + parameters.after_days


def _came(paid: Iterable[Payroll], day: Day, parameters: PayrollStoppedParameters) -> bool:
    return any(day - parameters.window_days <= each.day <= day for each in paid)


def says(evidence: PayrollStoppedEvidence, _currency: str) -> Says:
    """When it used to come."""
    return Says(
        zh=f"本期代发工资未到账，前几期到账日：{'、'.join(evidence.days)}",
        en=f"No salary has come this time; before it came on {', '.join(evidence.days)}",
    )


RULE = Rule(
    code="payroll_stopped",
    zh="代发工资中断",
    en="Payroll stopped",
    parameters=PayrollStoppedParameters,
    evidence=PayrollStoppedEvidence,
    says=says,
    find=find,
    due=due,
    payroll_months=_months_back,
    rests=UNBOUND,
    stirred=PAID,
    put_off=True,
    least=lambda parameters: parameters.months,
    needs=MORE,
)

"""One account: its balance and the exact sums of its end-of-day balances by month (DOMAIN §3).

What is kept: the balance after everything taken; for days not yet in a closed month, and some weeks before them, the net
movement of each day (`days`, flat: day, delta, day, delta … ascending); and one sum a month (`running` for the month
`summed`, `sums` for those before it, ascending) for every month that can still be restated or named, kept up to date by each
movement: a month's sum counts the balance as staying put after the last known day. After `summed` the balance is what it is.

A valued account keeps its days for all those months, since a late purchase is absorbed by a later valuation: per day
the money, the effect of the valuation that stands, and the day's valuations. Holdings are valued from their opening,
deposits and margin from their first valuation (see ``keep_days``).

Every change of a balance is also written down as a move: account number, day from which it counts, amount. Moves are
only ever added and plainly added up: those of the first so many blocks up to a day are the end-of-day balance of that day
as the log knew it then.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import add

import msgspec

from aggregates.dates import PLACES, Day, Month, days_in, first_day, last_day, month_of

VALUED_CATEGORIES = frozenset({"wealth_product", "fund", "certificate_bond", "treasury_bond", "gold"})
_LONGEST_GAP = 24
_MARK = 3  # a valuation takes three places in `marks`: value, ordinal, reference


class Valued(msgspec.Struct, array_like=True, gc=False):
    """Days of a valued account, ascending, in parallel lists.

    money: net movement of the day; effect: what its standing valuation added to that; marks: the day's valuations in
    log order, flat (value, ordinal, reference); taken: how many valuations were ever taken, the next ordinal.
    """

    day: list[int]
    money: list[int]
    effect: list[int]
    marks: list[list[int | str]]
    taken: int = 0


class Account(msgspec.Struct, array_like=True, gc=False):
    """State of one account; see the module. All amounts in minor units.

    number: order of opening among all accounts of the shard, from 0; rolled: the last closed month it was brought to; kept:
    from this day on `days` is complete, 0: all of it is.
    """

    number: int
    category: str
    opened: Day
    closed: Day
    balance: int
    rolled: Month
    summed: Month
    running: int
    days: list[int]
    sums: list[int]
    valued: Valued | None
    kept: Day = 0


def opened(number: int, category: str, on: Day, last_closed: Month) -> Account:
    """A new account; last_closed: L, 0 while no month is closed."""
    valued = Valued([], [], [], []) if category in VALUED_CATEGORIES else None
    return Account(number, category, on, 0, 0, last_closed, 0, 0, [], [], valued)


# ---------------------------------------------------------------------------------------------- movements


def post(account: Account, day: Day, delta: int, first_month: Month, moves: list[int]) -> None:
    """Money of `delta` counts from `day` on. The account must be rolled to the last closed month.

    first_month: F, 0 while unknown; earlier value dates count as its first day (DOMAIN §3). moves: gains what moved, flat:
    number, day, amount, …
    """
    days = account.days
    month, left = PLACES[day]
    if not days or day >= days[-2]:  # nine of ten: money of the latest day or a later one
        if days and month == account.summed:  # a valued account has no `days`
            account.running += delta * left
            account.balance += delta
            moves += (account.number, day, delta)
            if day == days[-2]:
                days[-1] += delta
            else:
                days += (day, delta)
            return
        if account.summed in (0, month - 1) and month > account.rolled and account.valued is None:  # first of its month
            _begin_month(account, month)
            account.running += delta * left
            account.balance += delta
            moves += (account.number, day, delta)
            days += (day, delta)
            return
    valued = account.valued
    if valued is None:
        _move(account, day, delta, first_month, moves)
        return
    day = _counted(day, first_month)
    at = _place(valued, day)
    valued.money[at] += delta
    after = _next_mark(valued, at)
    if after is None:
        _move(account, day, delta, first_month, moves)
    elif after == at:
        valued.effect[at] -= delta
    else:
        valued.effect[after] -= delta
        _move(account, day, delta, first_month, moves)
        _move(account, valued.day[after], -delta, first_month, moves)


def value(account: Account, day: Day, market_value: int, reference: str, first_month: Month, moves: list[int]) -> None:
    """A valuation: the balance at the end of `day` is `market_value`. Only for a valued account."""
    valued = _valued(account)
    at = _place(valued, _counted(day, first_month))
    valued.taken += 1
    valued.marks[at] += [market_value, valued.taken, reference]
    _stand(account, at, market_value - _balance_at(account, at), first_month, moves)


def unvalue(account: Account, day: Day, reference: str, first_month: Month, moves: list[int]) -> None:
    """Undo a valuation: the fold without it."""
    valued = _valued(account)
    at = _place(valued, _counted(day, first_month))
    marks = valued.marks[at]
    place = marks.index(reference) - (_MARK - 1)
    del marks[place : place + _MARK]
    stands = marks[-_MARK] if marks else None
    change = -valued.effect[at] if stands is None else int(stands) - _balance_at(account, at)
    _stand(account, at, change, first_month, moves)


def _stand(account: Account, at: int, change: int, first_month: Month, moves: list[int]) -> None:
    """The valuation that stands on a day changed its end-of-day balance; the next valuation takes that back."""
    valued = _valued(account)
    valued.effect[at] += change
    _move(account, valued.day[at], change, first_month, moves)
    after = _next_mark(valued, at + 1)
    if after is not None:
        valued.effect[after] -= change
        _move(account, valued.day[after], -change, first_month, moves)


def _valued(account: Account) -> Valued:
    if account.valued is None:
        raise ValueError("the account does not keep its days: call keep_days first")
    return account.valued


def _counted(day: Day, first_month: Month) -> Day:
    return max(day, first_day(first_month)) if first_month else day


def _place(valued: Valued, day: Day) -> int:
    at = bisect_left(valued.day, day)
    if at == len(valued.day) or valued.day[at] != day:
        valued.day.insert(at, day)
        valued.money.insert(at, 0)
        valued.effect.insert(at, 0)
        valued.marks.insert(at, [])
    return at


def _next_mark(valued: Valued, start: int) -> int | None:
    return next((at for at in range(start, len(valued.day)) if valued.marks[at]), None)


def _balance_at(account: Account, at: int) -> int:
    valued = _valued(account)
    return account.balance - sum(valued.money[at + 1 :]) - sum(valued.effect[at + 1 :])


def _move(account: Account, day: Day, delta: int, first_month: Month, moves: list[int]) -> None:
    """The balance changes by `delta` from `day` on, by money or by the effect of a valuation."""
    moves += (account.number, day, delta)
    month, left = PLACES[day]
    summed = account.summed
    if month == summed:
        account.running += delta * left
    elif month > summed:
        _extend(account, month)
        account.running += delta * left
    else:
        _restate(account, _counted(day, first_month), delta)
    account.balance += delta
    if account.valued is not None:
        return
    days = account.days
    if day < account.kept:
        return
    if not days or day > days[-2]:
        days += (day, delta)
    else:
        at = len(days) - 2
        while at >= 0 and days[at] > day:
            at -= 2
        if at >= 0 and days[at] == day:
            days[at + 1] += delta
        else:
            days[at + 2 : at + 2] = (day, delta)


def _extend(account: Account, month: Month) -> None:
    """Keep sums up to a month; the balance stayed put since the last one."""
    if account.summed and month - account.summed - 1 > _LONGEST_GAP and not account.rolled:
        account.sums.clear()  # long before the first close: ``month_sum`` counts the days, which are all there
        account.summed = 0
    _begin_month(account, month)


def _begin_month(account: Account, month: Month) -> None:
    """The running sum is that of a later month from now on, or of the first one."""
    if account.summed:
        account.sums.append(account.running)
        for each in range(account.summed + 1, month):
            account.sums.append(account.balance * days_in(each))
    account.running = account.balance * days_in(month)
    account.summed = month


def _restate(account: Account, day: Day, delta: int) -> None:
    """A movement in an earlier month changes the sum of that month and of every later one."""
    (month, left), summed, sums = PLACES[day], account.summed, account.sums
    oldest = summed - len(sums)
    if month < oldest and account.rolled:
        sums[0:0] = [0] * (oldest - month)  # nothing moved before
        oldest = month
    for each in range(max(month, oldest), summed):
        sums[each - oldest] += delta * (left if each == month else days_in(each))
    account.running += delta * days_in(summed)


# ---------------------------------------------------------------------------------------------- closed months


def roll(account: Account, last_closed: Month, first_month: Month, retained: int, days_from: Day = 0) -> None:
    """Bring the account to the last closed month: sums up to it, and nothing that no record can reach any more.

    days_from: movements of this day and later are kept; 0: those of months not closed alone.
    """
    if account.rolled >= last_closed:
        return
    oldest = max(first_month, last_closed - retained + 1)
    sums, summed = account.sums, account.summed
    have = summed - len(sums)
    if not account.rolled and summed and have > oldest:
        sums[0:0] = [_counted_sum(account, month) for month in range(oldest, have)]  # while all days are there
    if summed < last_closed:
        if summed < oldest - 1:
            sums.clear()
            account.summed, account.running = oldest, account.balance * days_in(oldest)
        if account.summed < last_closed:
            _begin_month(account, last_closed)
    account.rolled = last_closed
    kept = account.summed - oldest
    if len(sums) > kept:
        del sums[: len(sums) - kept]
    if account.valued is None:
        days, start = account.days, days_from or first_day(last_closed + 1)
        gone = 0
        while gone < len(days) and days[gone] < start:
            gone += 2
        del days[:gone]
        account.kept = max(account.kept, start)
    else:
        start = first_day(oldest)
        _forget(account.valued, min(start, days_from or start))


def _forget(valued: Valued, before: Day) -> None:
    """Drop the days before the oldest month that can still be restated: no record can reach them."""
    gone = bisect_left(valued.day, before)
    if gone:
        del valued.day[:gone], valued.money[:gone], valued.effect[:gone], valued.marks[:gone]


def changes(account: Account, since: Day) -> tuple[Sequence[Day], Sequence[int]]:
    """The days on which the balance changed, of those that are kept, ascending, and by how much on each.

    since: what lies before this day may be missing.
    """
    valued = account.valued
    if valued is None:
        return account.days[0::2], account.days[1::2]
    at = bisect_left(valued.day, since)
    return valued.day[at:], list(map(add, valued.money[at:], valued.effect[at:]))


def changes_back(account: Account) -> Iterator[tuple[Day, int]]:
    """Changes of the balance on the days that are kept, the latest day first."""
    valued = account.valued
    if valued is None:
        days = account.days
        for at in range(len(days) - 2, -1, -2):
            yield days[at], days[at + 1]
    else:
        for at in range(len(valued.day) - 1, -1, -1):
            yield valued.day[at], valued.money[at] + valued.effect[at]


def _counted_sum(account: Account, month: Month) -> int:
    """A month's sum counted from its days, by walking back from the balance."""
    first, top = first_day(month), last_day(month)
    level, total = account.balance, 0
    for day, delta in changes_back(account):
        if day < first:
            break
        if day <= top:
            total += level * (top - day + 1)
            top = day - 1
        level -= delta
    return total + level * (top - first + 1)


def month_sum(account: Account, month: Month) -> int:
    """Sum of the end-of-day balances of a whole month, minor units, everything taken so far counted (DOMAIN §3).

    The balance stays put after the last known value date. Closed months older than what is kept give 0. Of an account that
    was brought to a closed month no day is looked at: before its oldest sum nothing moved.
    """
    summed = account.summed
    if month > summed:
        return account.balance * days_in(month)
    if month == summed:
        return account.running
    at = month - summed + len(account.sums)
    if at >= 0:
        return account.sums[at]
    return 0 if account.rolled else _counted_sum(account, month)


def balance_of(account: Account) -> int:
    """The balance after everything taken so far, minor units."""
    return account.balance


def balance_on(account: Account, day: Day, first_month: Month = 0) -> int | None:
    """End-of-day balance of a day, minor units; None where the account no longer keeps that day.

    A day before the first month F counts as F's first day (DOMAIN §3).
    """
    day = _counted(day, first_month)
    valued = account.valued
    if account.rolled and (valued is None or not valued.day or day < valued.day[0]) and day <= last_day(account.rolled):
        return None
    return balance_back(account, day)


def balance_back(account: Account, day: Day) -> int:
    """As ``balance_on``, of a day that the account is known to keep."""
    balance = account.balance
    for changed, delta in changes_back(account):
        if changed <= day:
            break
        balance -= delta
    return balance


def last_change(account: Account) -> Day:
    """The last day on which the balance is known to change, of those still kept; 0: none."""
    if account.valued is not None:
        return account.valued.day[-1] if account.valued.day else 0
    return account.days[-2] if account.days else 0


def sum_through(account: Account, day: Day) -> int:
    """Σ of end-of-day balances from the 1st of the month of `day` to `day`; the month must not be closed."""
    month = month_of(day)
    first, level, top, total = first_day(month), account.balance, day, 0
    for changed, delta in changes_back(account):
        if changed < first:
            break
        if changed <= day:
            total += level * (top - changed + 1)
            top = changed - 1
        level -= delta
    return total + level * (top - first + 1)


# ---------------------------------------------------------------------------------------------- keeping days


def keep_days(account: Account, days: Sequence[int], first_month: Month, retained: int, days_from: Day = 0) -> None:
    """Turn an account into a valued one. days: all its movements, flat: day, delta, …; rolled ones included.

    days_from: as for ``roll``.
    """
    if account.valued is not None:
        return
    valued = Valued([], [], [], [])
    for at in range(0, len(days), 2):
        valued.money[_place(valued, _counted(days[at], first_month))] += days[at + 1]
    if account.rolled:
        start = first_day(max(first_month, account.rolled - retained + 1))
        _forget(valued, min(start, days_from or start))
    account.valued = valued
    account.days = []


def holds_all_days(account: Account) -> bool:
    """Whether `days` still holds every movement, so that ``keep_days`` can take them from the account itself."""
    return not account.rolled or account.opened > last_day(account.rolled)


def begin_first_month(account: Account, first_month: Month, moves: list[int]) -> None:
    """F became known: what a valued account has before it counts as F's first day, valuations in log order."""
    valued = account.valued
    start = first_day(first_month)
    if valued is None or not valued.day or valued.day[0] >= start:
        return
    at = _place(valued, start)
    before = _balance_at(account, at)
    money = sum(valued.money[: at + 1])
    found = [mark for marks in valued.marks[: at + 1] for mark in _triples(marks)]
    found.sort(key=lambda mark: mark[1])
    balance = int(found[-1][0]) if found else money
    del valued.day[:at], valued.money[:at], valued.effect[:at], valued.marks[:at]
    valued.money[0] = money
    valued.marks[0] = [part for mark in found for part in mark]
    valued.effect[0] = before - money
    _stand(account, 0, balance - before, first_month, moves)


def _triples(marks: list[int | str]) -> list[tuple[int | str, ...]]:
    return [tuple(marks[at : at + _MARK]) for at in range(0, len(marks), _MARK)]

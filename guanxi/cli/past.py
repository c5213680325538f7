"""Options that ask about the past, and how their values are read (DOMAIN §4, As of)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import click

from aggregates.dates import Day, day_of
from projections.moment import KnownAt

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)

Function = TypeVar("Function", bound=Callable[..., Any])


def a_day(ctx: click.Context, param: click.Parameter, value: str | None) -> Day:
    """A business date; 0 if none was given."""
    if value is None:
        return 0
    try:
        if not _DATE.match(value):
            raise ValueError(value)
        return day_of(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a date; write YYYY-MM-DD", ctx, param) from None


def a_time(ctx: click.Context, param: click.Parameter, value: str | None) -> KnownAt | None:
    """A time with offset, or the number of a block."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return int(value)
    try:
        found = datetime.fromisoformat(value)
        known = None if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        known = None
    if known is None:
        how = "write YYYY-MM-DDThh:mm:ss with Z or an offset like +08:00, or the number of a block"
        raise click.BadParameter(f"{value!r} is not a time with offset; {how}", ctx, param)
    return known


def known_at(function: Function) -> Function:
    """Add --known-at."""
    return click.option(
        "--known-at", metavar="TIME", callback=a_time,
        help="By what the log knew then: a time with offset, or a block's number.",
    )(function)  # fmt: skip


def any_day(function: Function) -> Function:
    """Add --as-of and --known-at."""
    return click.option(
        "--as-of", metavar="DATE", callback=a_day,
        help="On that business date, by what is known now: balances at its end, changes effective by then.",
    )(known_at(function))  # fmt: skip

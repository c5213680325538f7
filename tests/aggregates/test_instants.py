"""Moments as integers, compared with the standard library's own."""

from datetime import UTC, datetime, timedelta

import pytest

from aggregates.instants import instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T10:00:00+08:00",
        "2026-01-05T00:00:01+14:00",
        "2026-12-31T23:59:59-11:30",
        "2024-02-29T12:34:56Z",
        "2026-01-05t10:00:00.999999z",
        "1900-01-01T00:00:00-00:00",
    ],
)
def test_an_instant_counts_seconds_in_utc(text: str) -> None:
    since = datetime.fromisoformat(text.upper()) - datetime(1, 1, 1, tzinfo=UTC) + timedelta(days=1)
    assert instant(text) == since // timedelta(seconds=1)


def test_a_leap_second_is_the_first_second_of_the_next_minute() -> None:
    assert instant("2016-12-31T23:59:60Z") == instant("2017-01-01T00:00:00Z")

"""Moments in time as integers: whole seconds in UTC since the first day of the calendar."""

from events.codec import DAYS

_DAY = 86_400


def instant(text: str) -> int:
    """The second of an RFC 3339 time with offset, its fraction left out. The text must be well formed (``codec.check``)."""
    clock = int(text[11:13]) * 3600 + int(text[14:16]) * 60 + int(text[17:19])
    if text[-1] in "Zz":
        return DAYS[text[:10]] * _DAY + clock
    ahead = int(text[-5:-3]) * 3600 + int(text[-2:]) * 60
    return DAYS[text[:10]] * _DAY + clock + (ahead if text[-6] == "-" else -ahead)

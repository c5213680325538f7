"""Pieces of JSON text, held so that millions of them are put together fast.

A narrow text holds the UTF-8 bytes of a text, each as one character. Python keeps such text at one byte a character and
encodes it by copying; text with Chinese characters in it would take twice the room and most of the simulator's time.
All text of records is narrow: what was forgotten cannot be encoded as ``ENCODING`` and fails at once.
"""

from typing import Final

ENCODING: Final = "latin-1"
"""Encodes narrow text; the bytes are then UTF-8."""


def narrow(text: str) -> str:
    """The same text, narrow."""
    return text.encode().decode(ENCODING)


def memo(text: str) -> str:
    """A memo, beginning with a comma; the text needs no escapes."""
    return narrow(f',"memo":"{text}"')


def other_side(kind: str, **fields: str) -> str:
    """A counterparty, beginning with a comma; the values need no escapes."""
    more = "".join(f',"{name}":"{value}"' for name, value in fields.items())
    return narrow(f',"counterparty":{{"kind":"{kind}"{more}}}')


def hundredths(number: int) -> str:
    """A number of hundredths as a decimal."""
    return f"{number // 100}.{number % 100:02d}"

"""What a value in a policy file may look like, and how one that does not is told."""

import re
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from aggregates.money import share

_DECIMAL = re.compile(r"\d{1,18}(?:\.\d{1,18})?\Z", re.ASCII)


class Strict(BaseModel):
    """No other keys, and no value taken for another type's."""

    model_config = ConfigDict(strict=True, extra="forbid")


def _decimal(text: str) -> str:
    if not _DECIMAL.match(text):
        raise ValueError('should be a decimal number in quotes, such as "200000.00"')
    return text


def _share(text: str) -> str:
    part, whole = share(_decimal(text))
    if not 0 < part <= whole:
        raise ValueError('should be above "0" and at most "1"')
    return text


def ascending(numbers: list[int]) -> list[int]:
    """The numbers. Raises ValueError if one is not above the one before."""
    if any(after <= before for before, after in pairwise(numbers)):
        raise ValueError("should be ascending")
    return numbers


Decimal = Annotated[str, AfterValidator(_decimal)]
"""An amount in whole units of the currency."""
ShareText = Annotated[str, AfterValidator(_share)]
"""A part of a whole, at most all of it."""

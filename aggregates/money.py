"""Money: integers of minor units, averages compared without dividing (DOMAIN §2)."""

EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0),
    **dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Digits after the point where they are not 2 (ISO 4217)."""


def exponent(currency: str) -> int:
    """Digits of the minor unit of a currency: CNY 2, JPY 0, KWD 3 (ISO 4217)."""
    return EXPONENTS.get(currency, 2)


def scaled(text: str, digits: int) -> int:
    """A decimal text × 10^digits, exactly. Raises ValueError when it has more digits than that."""
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.lstrip("-").partition(".")
    if len(fraction.rstrip("0")) > digits:
        raise ValueError(f"{text} has more than {digits} digits after the point")
    return sign * int(whole + fraction[:digits].ljust(digits, "0"))


def share(text: str) -> tuple[int, int]:
    """A decimal text as numerator and denominator: "0.70" -> (70, 100)."""
    fraction = text.partition(".")[2]
    return scaled(text, len(fraction)), 10 ** len(fraction)


def consistent(units: str, price: str, value_minor: int, currency: str) -> bool:
    """Whether |units × price − value| ≤ one minor unit, unrounded (CONTRACT §1, valuation_updated)."""
    units_digits, price_digits = len(units.partition(".")[2]), len(price.partition(".")[2])
    scale = 10 ** (units_digits + price_digits)
    product = scaled(units, units_digits) * scaled(price, price_digits) * 10 ** exponent(currency)
    return bool(abs(product - value_minor * scale) <= scale)


def average(sum_minor: int, days: int) -> int:
    """Sum of end-of-day balances ÷ days, half-even to the minor unit: for display only (DOMAIN §2)."""
    quotient, rest = divmod(sum_minor, days)
    if 2 * rest > days or (2 * rest == days and quotient % 2):
        return quotient + 1
    return quotient


def ceil_div(amount: int, parts: int) -> int:
    """amount ÷ parts rounded up to a whole minor unit."""
    return -(-amount // parts)

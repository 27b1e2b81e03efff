"""Decimal text to integers and back, digit by digit: no float, no rounding."""

from __future__ import annotations

import re

from contracts.protocol.errors import ProtocolError
from contracts.protocol.units import Amount, Seconds

DECIMALS = 6
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_DURATION = re.compile(r"([0-9]+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_tokens(text: str, field: str, decimals: int = DECIMALS) -> Amount:
    """``2.00`` to 2000000; refuses signs, exponents and digits below the smallest unit."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ProtocolError(field, "a decimal number of tokens such as 2.00", text)
    whole, fraction = match.group(1), match.group(2) or ""
    if len(fraction.rstrip("0")) > decimals:
        raise ProtocolError(field, f"at most {decimals} digits after the point", text)
    return Amount(int(whole + fraction[:decimals].ljust(decimals, "0")))


def format_tokens(amount: int, decimals: int = DECIMALS) -> str:
    """2000000 to ``2.000000``: always to the unit."""
    sign = "-" if amount < 0 else ""
    whole, fraction = divmod(abs(amount), 10**decimals)
    return f"{sign}{whole}.{fraction:0{decimals}d}"


def parse_duration(text: str, field: str) -> Seconds:
    """``72``, ``72s``, ``20m``, ``1h`` or ``2d`` to seconds."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match.group(1)) == 0:
        raise ProtocolError(field, "a duration such as 72s, 20m, 1h or 2d", text)
    return Seconds(int(match.group(1)) * _SECONDS[match.group(2)])

"""When two numbers, as they are written, are near enough. Decimal: 1.05 is 0.05 from 1.0, though no double says so."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model import Json

OPTIONS: Mapping[str, Json] = {
    "absolute": {"type": "number", "minimum": 0},
    "relative": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    "ulps": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
}
"""What the config of a matcher may say about tolerances: JSON Schema; `inf` is refused with the config."""

_CONTEXT = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""Digits enough for whatever a double or 128 bits hold; what overflows becomes infinite instead of an error."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may be from the wanted one: any of the three is enough. ULPs are steps between doubles."""

    absolute: Decimal
    relative: Decimal
    ulps: int

    def near(self, want: str, got: str) -> bool:
        """Compare two numbers; what is none, is not finite, or has an exponent beyond reason is near to nothing."""
        one, other = number(want), number(got)
        if one is None or other is None:
            return False
        far = _CONTEXT.abs(_CONTEXT.subtract(one, other))
        if far <= self.absolute or far <= _CONTEXT.multiply(self.relative, _CONTEXT.abs(one)):
            return True
        doubles = float(want), float(got)
        return bool(self.ulps) and isfinite(doubles[1]) and abs(_place(doubles[0]) - _place(doubles[1])) <= self.ulps


def tolerance(options: Mapping[str, Json]) -> Tolerance | None:
    """Read a tolerance; None where none is named."""
    if not OPTIONS.keys() & options.keys():
        return None
    absolute, relative = (Decimal(str(options.get(name, 0))) for name in ("absolute", "relative"))
    return Tolerance(absolute, relative, options.get("ulps", 0))


def number(text: str) -> Decimal | None:
    """Read a finite number; None for all else."""
    if text[-1:].isalpha():
        return None
    found = Decimal(text, _CONTEXT)
    return found if found.is_finite() else None


def _place(double: float) -> int:
    """Number the doubles in their order: neighbours are 1 apart, 0.0 and -0.0 are one."""
    (bits,) = struct.unpack("<q", struct.pack("<d", double))
    return int(bits) if bits >= 0 else -(int(bits) + (1 << 63))

"""Consistent sampling: a random number for each trace, and a threshold that it has to reach.

Both are of 56 bits. A trace is kept if its random number is not under the threshold: all who
sample by the same numbers keep the same traces, or some of them.

Sources: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/ and
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/probabilisticsamplerprocessor
"""

from __future__ import annotations

import math

BITS = 56
NEVER = 1 << BITS
"""The threshold that no random number reaches."""

DIGITS_MAX = BITS // 4
_HASH_BITS = 14
_HASH_BUCKETS = 1 << _HASH_BITS
_FNV32 = (0x811C9DC5, 0x01000193, 32)
_FNV64 = (0xCBF29CE484222325, 0x100000001B3, 64)


def fnv1a(data: bytes, parameters: tuple[int, int, int]) -> int:
    """Return the FNV-1a hash. Source: http://www.isthe.com/chongo/tech/comp/fnv/."""
    value, prime, bits = parameters
    for byte in data:
        value = (value ^ byte) * prime % (1 << bits)
    return value


def fnv64(data: bytes) -> int:
    """Return the FNV-1a hash of 64 bits."""
    return fnv1a(data, _FNV64)


def hashed_randomness(data: bytes, seed: int) -> int:
    """Return the random number of an id in the mode ``hash_seed``.

    14 bits of the hash decide, as they always did: a hash is kept that is under the rate. As
    the random number has to be large instead, they are inverted and come first.
    """
    found = fnv1a(seed.to_bytes(4, "little") + data, _FNV32)
    bucket = found % _HASH_BUCKETS
    unused = found >> (32 - _HASH_BITS)
    mixed = (unused ^ unused << 10) << _HASH_BITS
    return (_HASH_BUCKETS - 1 - bucket) << (BITS - _HASH_BITS) | mixed | bucket


def hashed_threshold(percentage: float) -> int:
    """Return the threshold of a percentage in the mode ``hash_seed``: steps of 1/16384."""
    kept = int(min(percentage, 100) * (_HASH_BUCKETS / 100))
    return (_HASH_BUCKETS - kept) << (BITS - _HASH_BITS)


def trace_randomness(trace_id: bytes) -> int:
    """Return the random number of a trace: the last 56 bits of its id, as W3C has it."""
    return int.from_bytes(trace_id[-BITS // 8 :], "big")


def threshold(probability: float, digits: int) -> int:
    """Return the threshold of a probability.

    Args:
        probability: From 0 to 1.
        digits: Hexadecimal ones that count, besides those in front that are all 0 or all f.
    """
    if probability >= 1:
        return 0
    if probability < 2**-BITS:
        return NEVER
    _, small = math.frexp(probability)
    _, nearly_one = math.frexp(1 - probability)
    places = min(DIGITS_MAX, max(digits + small // -4, digits + nearly_one // -4))
    exact = NEVER - round(probability * NEVER)
    step = 1 << 4 * (DIGITS_MAX - places)
    return (exact + step // 2) // step * step


def probability_of(found: int) -> float:
    """Return the probability of a threshold."""
    return (NEVER - found) / NEVER


def threshold_text(found: int) -> str:
    """Return a threshold as ``th`` has it: without the zeros at its end."""
    return f"{found:014x}".rstrip("0") or "0"


def threshold_of(text: str) -> int | None:
    """Return the threshold that ``th`` says; ``None`` if it says none."""
    return int(text.ljust(DIGITS_MAX, "0"), 16) if _is_hex(text) else None


def randomness_of(text: str) -> int | None:
    """Return the random number that ``rv`` says; ``None`` if it says none."""
    return int(text, 16) if _is_hex(text) and len(text) == DIGITS_MAX else None


def _is_hex(text: str) -> bool:
    return 0 < len(text) <= DIGITS_MAX and not set(text) - set("0123456789abcdef")


class TraceState:
    """The part of a W3C ``tracestate`` that is OpenTelemetry's: ``ot=th:c;rv:…``."""

    def __init__(self, text: str) -> None:
        members = [part.strip() for part in text.split(",") if part.strip()]
        self._others = [member for member in members if not member.startswith("ot=")]
        own = next((member[3:] for member in members if member.startswith("ot=")), "")
        pairs = [part.partition(":") for part in own.split(";") if part]
        self.fields = {name: value for name, _, value in pairs}

    def text(self) -> str:
        """Return the whole, with what was changed in front as W3C has it."""
        own = ";".join([f"{name}:{value}" for name, value in self.fields.items()])
        return ",".join([f"ot={own}", *self._others] if own else self._others)

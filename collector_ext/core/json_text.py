"""JSON text to values and back, without the `json` package (`re`, `enum`: 8 ms).

The scanner and the string encoder are the ones `json` itself uses, on every CPython.

Source: https://www.rfc-editor.org/rfc/rfc8259
"""

from __future__ import annotations

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_WHITESPACE = " \t\n\r"


class _Context:
    """What the scanner asks its creator for; the values are `json.loads`'s defaults."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(name: str) -> None:
        """Refuse what is not JSON, although `json.loads` takes it."""
        message = f"{name} is not JSON"
        raise ValueError(message)


def parse(text: bytes) -> Any:  # noqa: ANN401 - JSON is of any shape
    """Return the one value that ``text`` is.

    Raises:
        ValueError: It is not UTF-8, or not one JSON value.
    """
    characters = text.decode("utf-8").strip(_WHITESPACE)
    try:
        value, end = _scan(characters, 0)
    except StopIteration as fault:
        message = f"not JSON at character {fault.value}"
        raise ValueError(message) from None
    except RecursionError:
        message = "JSON nested too deeply"
        raise ValueError(message) from None
    if end != len(characters):
        message = f"more than one JSON value, at character {end}"
        raise ValueError(message)
    return value


def quoted(text: str) -> str:
    """Return ``text`` as a JSON string, in ASCII."""
    return _json.encode_basestring_ascii(text)


_scan = _json.make_scanner(_Context())  # type: ignore[arg-type]  # typeshed names the result

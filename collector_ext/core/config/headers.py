"""Which headers an operator may add to a request."""

from __future__ import annotations

FRAMING = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
}
"""Headers that say where a request ends, or what its body is: the exporter's own."""

_LATIN1_MAX = 255


def is_header(name: str, value: str) -> bool:
    """Whether this can be sent without being read as something else."""
    is_token = bool(name) and all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name)
    # As HTTP sends it: https://www.rfc-editor.org/rfc/rfc9110#section-5.5
    is_latin1 = all(ord(character) <= _LATIN1_MAX for character in value)
    return is_token and name.isascii() and value.isprintable() and is_latin1

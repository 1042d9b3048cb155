"""Percent-encoding and base64, as headers need them (`urllib.parse` costs 8 ms to import).

Source: https://www.rfc-editor.org/rfc/rfc3986#section-2.1
"""

from __future__ import annotations

import binascii

_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def encoded(text: str) -> str:
    """Return ``text`` with each byte of its UTF-8 but letters, digits, - and _ as ``%xx``.

    More than has to be: what is left is also a name of a file, and has no dot.
    """
    return "".join([chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in text.encode()])


def decoded(text: str) -> str:
    """Return ``text`` with each ``%xx`` replaced by its byte, read as UTF-8.

    What is not an escape stays as it is, as browsers have it.
    """
    first, *rest = text.encode().split(b"%")
    return b"".join([first, *map(_unescaped, rest)]).decode("utf-8", "replace")


def base64(text: str) -> str:
    """Return the UTF-8 of ``text`` in base64, as basic authentication wants it."""
    return binascii.b2a_base64(text.encode(), newline=False).decode("ascii")


def _unescaped(after_percent: bytes) -> bytes:
    digits = after_percent[:2]
    try:
        return (binascii.unhexlify(digits) or b"%") + after_percent[2:]
    except binascii.Error:
        return b"%" + after_percent

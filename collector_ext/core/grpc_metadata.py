"""The metadata of an export call: what headers are called in gRPC.

Specification: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
"""

from __future__ import annotations

from collector_ext.core.auth import headers_of
from collector_ext.core.config.configuration import SigV4Auth
from collector_ext.core.refusal import secrets_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from collector_ext.core.config.configuration import Auth

    Metadata = tuple[tuple[str, str | bytes], ...]

_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")

_LIBRARYS_OWN = {"connection", "content-type", "host", "te", "user-agent"}
"""Names that gRPC sends itself, beside all that begin with ``grpc-``."""


def metadata(headers: Iterable[tuple[str, str]], auth: Auth | None) -> Metadata:
    """Return names in small letters and values as gRPC takes them; a name counts once, the last.

    Raises:
        ValueError: The library would refuse it, quoting the value. The sentence does not.
    """
    found: dict[str, str | bytes] = {}
    for header, value in headers:
        name = header.lower()
        if not name or not _NAME.issuperset(name):
            message = f"header {header!r} has a name that gRPC cannot send"
            raise ValueError(message)
        if name in _LIBRARYS_OWN or name.startswith("grpc-"):
            message = f"header {header!r} belongs to gRPC itself"
            raise ValueError(message)
        if not value.isascii() or not value.isprintable():
            message = f"header {header!r} has a value that gRPC cannot send"
            raise ValueError(message)
        # gRPC sends those in base64: their values are bytes.
        found[name] = value.encode("ascii") if name.endswith("-bin") else value
    if isinstance(auth, SigV4Auth):
        message = "sigv4auth signs requests over HTTP, not over gRPC; use otlp_http"
        raise ValueError(message)  # noqa: TRY004 - a setting, not an argument, is of the wrong kind
    return tuple({**found, **(headers_of(auth) if auth else {})}.items())


def secrets(metadata: Metadata) -> tuple[str, ...]:
    """Return what of the metadata must not be said: its values, and keys within them."""
    return secrets_of(value for _, value in metadata if isinstance(value, str))

"""Where a peer is: URLs and addresses taken apart, and put together for messages.

`urllib.parse` costs 8 ms to import.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.configuration import Destination

DEFAULT_PORTS = {"http": 80, "https": 443}
GRPC_PORT = 4317
"""OTLP's own: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-default-port"""

_PORT_MAX = 65_535
_LOOPBACK = 127  # the first number of its addresses


class SplitUrl:
    """A URL of HTTP in its parts; its user is a secret."""

    __slots__ = ("host", "port", "scheme", "target", "user")

    def __init__(self, scheme: str, user: str, host: str, port: int, target: str) -> None:
        self.scheme = scheme
        self.user = user  # name:password, percent-encoded; empty for none
        self.host = host
        self.port = port
        self.target = target  # path and query; at least /


def split_url(url: str) -> SplitUrl | None:
    """Return the parts of a URL of HTTP; None for what is none."""
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS or not url.isascii() or not url.isprintable():
        return None
    rest = rest.partition("#")[0].replace(" ", "%20")
    authority = rest.partition("/")[0].partition("?")[0]
    target = rest[len(authority) :]
    if "@" in url.partition("#")[2] + target:
        return None  # A password with a / ? or # in it, as likely as not; it would be shown.
    user, _, address = authority.rpartition("@")
    host, port = split_address(address.lower(), DEFAULT_PORTS[scheme])
    if not host or port is None:
        return None
    return SplitUrl(scheme, user, host, port, target if target.startswith("/") else "/" + target)


def split_address(address: str, default_port: int) -> tuple[str, int | None]:
    """Return host and port of ``host:port``; None for a port that cannot be one."""
    if address.startswith("["):
        host, _, after = address[1:].partition("]")
        port = after.removeprefix(":")
    else:
        host, _, port = address.partition(":")
    if not port:
        return host, default_port
    return host, int(port) if port.isdigit() and 0 < int(port) <= _PORT_MAX else None


def split_target(text: str) -> tuple[str, str] | None:
    """Return scheme and ``host:port`` of a gRPC endpoint; None for what is none.

    Args:
        text: ``host``, ``host:port``, or these after ``http://``, ``https://`` or ``dns:///``.

    Returns:
        The scheme is http or https; empty when the endpoint has none.
    """
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower() if separator else ""
    rest = rest if separator else text.removeprefix("dns:")
    if scheme == "dns":
        scheme, rest = "", rest.removeprefix("/")
    authority = rest.partition("/")[0].partition("?")[0]
    is_printable = text.isascii() and text.isprintable() and " " not in text
    if scheme not in {"", *DEFAULT_PORTS} or not is_printable or "@" in rest:
        return None
    host, port = split_address(authority.lower(), GRPC_PORT)
    return (scheme, f"{bracketed(host)}:{port}") if host and port is not None else None


def split_known(target: str) -> tuple[str, int]:
    """Return host, without the brackets of an IPv6 address, and port of what was split before."""
    host, _, port = target.rpartition(":")
    return host.strip("[]"), int(port)


def with_path(target: str, path: str) -> str:
    """Append a signal's path to a path, before its query."""
    base, question_mark, query = target.partition("?")
    return base.rstrip("/") + path + question_mark + query


def authority_of(destination: Destination) -> str:
    """Host and port as in a Host header: the port only when it is not the default."""
    host = bracketed(destination.host)
    is_default = destination.port == DEFAULT_PORTS[destination.scheme]
    return host if is_default else f"{host}:{destination.port}"


def name_of(destination: Destination) -> str:
    """The URL for messages: queries may hold keys, so without them."""
    path = destination.target.partition("?")[0]
    return f"{destination.scheme}://{authority_of(destination)}{path}"


def shown(uri: str) -> str:
    """Return a URI for messages: without a user, a query, or the document that it is itself."""
    scheme, colon, rest = uri.partition(":")
    if colon and scheme == "yaml":
        return "yaml:..."
    if not rest.startswith("//"):
        return uri
    authority, slash, path = rest[2:].partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def bracketed(host: str) -> str:
    """Return the host as it stands before a port."""
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine, as far as it can be told unresolved.

    In any of the spellings that `getaddrinfo` takes for it, which also takes 127.1 and 0.
    """
    host = host.lower().removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    *groups, last = host.split(":")
    if "." in last or not groups:  # IPv4, or IPv6 that ends in it
        return _is_loopback_ipv4(last)
    return not "".join(groups).strip("0") and last.lstrip("0") in {"", "1"}


def _is_loopback_ipv4(address: str) -> bool:
    try:
        first, *others = [int(number, 0) for number in address.split(".")]
    except ValueError:
        return False
    return not any((first, *others)) or (first if others else first >> 24) == _LOOPBACK

"""Which proxy, if any, stands between us and a host.

The variables are read as curl and Python's HTTP clients read them, Go's being the same but for
ALL_PROXY: small letters first, HTTP_PROXY in capitals not where a CGI server may have made
it of a client's header, NO_PROXY as a list of names, addresses and networks.

Sources: https://everything.curl.dev/usingcurl/proxies/env.html and
https://pkg.go.dev/golang.org/x/net/http/httpproxy
"""

from __future__ import annotations

from collector_ext.core import percent
from collector_ext.core.config.address import is_loopback
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PORT_MAX = 65_535
_HTTP_PORT = 80  # of a proxy whose URL has none, as Go has it; curl takes 1080


class Proxy(Value):
    """An HTTP proxy. Its ``repr`` holds a secret; its ``name`` does not."""

    host: str
    port: int
    authorization: str  # the value of Proxy-Authorization; empty for none

    @property
    def name(self) -> str:
        """The URL for messages."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def proxy_of(url: str) -> Proxy:
    """Return the proxy a URL is of; without a scheme, ``host:port`` is one in http.

    Raises:
        ValueError: None that can be used; what the URL holds is not said.
    """
    scheme, separator, rest = url.strip().rpartition("://")
    if separator and scheme.lower() != "http":
        message = f"a proxy by {scheme.lower()!r} is not supported, only by http"
        # What stands before :// in a URL that is none may be a password.
        raise ValueError(message if scheme.isalnum() else "the URL of the proxy cannot be used")
    user, _, address = rest.partition("/")[0].rpartition("@")
    host, port = _split(address.lower())
    if not host or not host.isascii() or not host.isprintable() or " " in host or port is None:
        message = "the URL of the proxy cannot be used"
        raise ValueError(message)
    authorization = f"Basic {percent.base64(percent.decoded(user))}" if user else ""
    return Proxy(host, port or _HTTP_PORT, authorization)


def standard_proxy(variables: Mapping[str, str], scheme: str, host: str, port: int) -> Proxy | None:
    """Return the proxy that the standard variables name for a host.

    Loopback is never reached through one.

    Raises:
        ValueError: They name one that cannot be used.
    """
    variable, url = _proxy_url(variables, scheme)
    if not url or is_loopback(host) or is_exempt(_value(variables, "no_proxy")[1], host, port):
        return None
    try:
        return proxy_of(url)
    except ValueError as fault:
        message = f"{variable}: {fault}"
        raise ValueError(message) from None


def is_exempt(no_proxy: str, host: str, port: int) -> bool:
    """Whether NO_PROXY names a host.

    Args:
        no_proxy: A list with commas or spaces of ``*``, ``host``, ``.domain``, ``*.domain``,
            addresses and CIDR blocks, each but the last with a port if only that is meant. A
            name also stands for those below it.
        host: A name or an address, without brackets.
        port: Of it.
    """
    host = host.lower().rstrip(".")
    return any(_names(e, host, port) for e in no_proxy.lower().replace(",", " ").split())


def _proxy_url(variables: Mapping[str, str], scheme: str) -> tuple[str, str]:
    variable, url = _value(variables, f"{scheme}_proxy")
    if variable == "HTTP_PROXY" and "REQUEST_METHOD" in variables:
        url = ""  # https://httpoxy.org
    return (variable, url) if url else _value(variables, "all_proxy")


def _value(variables: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the variable that counts and its value; empty is unset."""
    value = variables.get(name, "").strip()
    return (name, value) if value else (name.upper(), variables.get(name.upper(), "").strip())


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _is_in_network(entry, host)
    name, entry_port = _split(entry)
    if entry_port not in {0, port}:
        return False
    name = name.removeprefix("*").lstrip(".").rstrip(".")
    if not name:
        return False
    return host == name or host.endswith(f".{name}") or _is_same_address(name, host)


def _split(address: str) -> tuple[str, int | None]:
    """Return host and port: 0 for none, None for what is no port."""
    if address.startswith("["):
        host, _, after = address[1:].partition("]")
        port = after.removeprefix(":")
    elif address.count(":") > 1:
        return address, 0  # IPv6 without brackets
    else:
        host, _, port = address.partition(":")
    if not port:
        return host, 0
    is_port = port.isascii() and port.isdigit() and 0 < int(port) <= _PORT_MAX
    return host, int(port) if is_port else None


def _is_in_network(block: str, host: str) -> bool:
    import ipaddress  # noqa: PLC0415 - 3 ms: only where NO_PROXY names networks

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(block, strict=False)
    except ValueError:
        return False  # A name is in no network, as it is not resolved.


def _is_same_address(name: str, host: str) -> bool:
    """Whether these are two spellings of one IPv6 address."""
    if ":" not in name or ":" not in host:
        return False
    import ipaddress  # noqa: PLC0415 - as above

    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(host)
    except ValueError:
        return False

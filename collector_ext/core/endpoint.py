"""Where the exporter sends a signal, and how: OpenTelemetry's own variables.

Variables of one signal (``OTEL_EXPORTER_OTLP_TRACES_...``) go before the general ones. What
cannot be used is replaced by the default, with one sentence that says so.

Specification: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

from collector_ext.core import percent
from collector_ext.core.otlp import SIGNALS, Signal
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "OTEL_EXPORTER_OTLP"

TIMEOUT_S = 10.0
"""The specification's default for one export."""

MILLISECONDS_MIN = 100
"""Below, OTEL_EXPORTER_OTLP_TIMEOUT is taken as seconds, as Python's SDK reads it: nobody
means to give a remote endpoint under 0.1 s."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LOOPBACK = 127  # the first number of its addresses

_FRAMING = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
}
"""Headers that say where a request ends, or what its body is: the exporter's own."""


class Endpoint(Value):
    """One signal's endpoint. Its ``repr`` holds secrets; its ``name`` does not."""

    scheme: str  # http or https
    host: str  # without the brackets of an IPv6 address
    port: int
    target: str  # path and query
    headers: tuple[tuple[str, str], ...]  # decoded; secrets, as a rule
    is_gzip: bool
    timeout_s: float  # of one export
    certificate: str  # files; empty for none
    client_key: str
    client_certificate: str

    @property
    def authority(self) -> str:
        """Host and port as in a Host header: the port only when it is not the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def name(self) -> str:
        """The URL for messages: queries may hold keys, so without them."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    def is_local(self, ports: tuple[int, ...]) -> bool:
        """Whether it is this machine, on one of these ports."""
        return self.port in ports and is_loopback(self.host)


class Endpoints(Value):
    """All that the variables say."""

    by_signal: dict[Signal, Endpoint]  # signals without an endpoint are left out
    complaints: tuple[str, ...]  # a sentence for each variable that could not be used


def endpoints_from(variables: Mapping[str, str]) -> Endpoints:
    """Return each signal's endpoint as the variables have it."""
    reading = _Reading(variables)
    found = {signal: reading.endpoint(signal) for signal in SIGNALS}
    by_signal = {signal: endpoint for signal, endpoint in found.items() if endpoint}
    return Endpoints(by_signal, tuple(reading.complaints))


class _Reading:
    """One pass over the variables; a complaint is made once, however many signals share it."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.complaints: dict[str, None] = {}

    def endpoint(self, signal: Signal) -> Endpoint | None:
        variable, url = self._setting(signal, "ENDPOINT")
        if not url:
            return None
        parts = _split(url)
        if parts is None:
            # Never the URL: what cannot be told apart may be a password.
            found = f"{variable} is not an http:// or https:// URL that can be used"
            self._complain(f"{found}; nothing is exported to it")
            return None
        scheme, user, host, port, target = parts
        if variable == f"{_PREFIX}_ENDPOINT":
            target = _with_path(target, signal.path)
        headers = self._headers(signal)
        if user and not any(name.lower() == "authorization" for name, _ in headers):
            headers += (("Authorization", f"Basic {percent.base64(percent.decoded(user))}"),)
        self._check_protocol(signal)
        return Endpoint(
            scheme=scheme,
            host=host,
            port=port,
            target=target,
            headers=headers,
            is_gzip=self._is_gzip(signal),
            timeout_s=self._timeout_s(signal),
            certificate=self._setting(signal, "CERTIFICATE")[1],
            client_key=self._setting(signal, "CLIENT_KEY")[1],
            client_certificate=self._setting(signal, "CLIENT_CERTIFICATE")[1],
        )

    def _setting(self, signal: Signal, option: str) -> tuple[str, str]:
        """Return the variable that counts for ``signal``, and its value; empty is unset."""
        of_signal = f"{_PREFIX}_{signal.name.upper()}_{option}"
        of_all = f"{_PREFIX}_{option}"
        value = self._variables.get(of_signal, "").strip()
        return (of_signal, value) if value else (of_all, self._variables.get(of_all, "").strip())

    def _complain(self, sentence: str) -> None:
        self.complaints[sentence] = None

    def _headers(self, signal: Signal) -> tuple[tuple[str, str], ...]:
        variable, text = self._setting(signal, "HEADERS")
        headers: list[tuple[str, str]] = []
        for member in text.split(",") if text else ():
            name, equals, value = member.partition("=")
            name, value = percent.decoded(name.strip()), percent.decoded(value.strip())
            if equals and name.lower() in _FRAMING:
                found = f"{variable} names headers that belong to the request itself"
                self._complain(f"{found}; those are not sent")
            elif equals and _is_header(name, value):
                headers.append((name, value))
            elif member.strip():
                # Never the value: it may be a key.
                self._complain(
                    f"{variable} has a part that is not name=value; that part is not sent"
                )
        return tuple(headers)

    def _check_protocol(self, signal: Signal) -> None:
        variable, protocol = self._setting(signal, "PROTOCOL")
        if protocol not in {"", "http/protobuf", "http/json"}:
            self._complain(f"{variable}={protocol!r} is not supported here; using http/protobuf")

    def _is_gzip(self, signal: Signal) -> bool:
        variable, compression = self._setting(signal, "COMPRESSION")
        if compression not in {"", "gzip", "none"}:
            self._complain(f"{variable}={compression!r} is neither gzip nor none; using gzip")
        return compression != "none"

    def _timeout_s(self, signal: Signal) -> float:
        variable, text = self._setting(signal, "TIMEOUT")
        if not text:
            return TIMEOUT_S
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self._complain(
                f"{variable}={text!r} is not a number of milliseconds; using {TIMEOUT_S * 1000:.0f}"
            )
            return TIMEOUT_S
        if number >= MILLISECONDS_MIN:
            return number / 1000
        self._complain(
            f"{variable}={text!r} is {text} ms by the specification and {text} s to Python's SDK; "
            f"using {text} s"
        )
        return number


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


def _with_path(url: str, path: str) -> str:
    """Append the signal's path to a path, before its query."""
    base, question_mark, query = url.partition("?")
    return base.rstrip("/") + path + question_mark + query


def _split(url: str) -> tuple[str, str, str, int, str] | None:
    """Return scheme, user, host, port and target of a URL; None for what is none."""
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _DEFAULT_PORTS or not url.isascii() or not url.isprintable():
        return None
    rest = rest.partition("#")[0].replace(" ", "%20")
    authority = rest.partition("/")[0].partition("?")[0]
    target = rest[len(authority) :]
    if "@" in url.partition("#")[2] + target:
        return None  # A password with a / ? or # in it, as likely as not; it would be shown.
    user, _, address = authority.rpartition("@")
    host, port = _split_address(address.lower(), _DEFAULT_PORTS[scheme])
    if not host or port is None:
        return None
    return scheme, user, host, port, target if target.startswith("/") else "/" + target


def _split_address(address: str, default_port: int) -> tuple[str, int | None]:
    if address.startswith("["):
        host, _, after = address[1:].partition("]")
        port = after.removeprefix(":")
    else:
        host, _, port = address.partition(":")
    if not port:
        return host, default_port
    return host, int(port) if port.isdigit() and 0 < int(port) < 65_536 else None  # noqa: PLR2004


def _is_header(name: str, value: str) -> bool:
    """Whether this can be sent without being read as something else."""
    is_token = bool(name) and all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name)
    return is_token and name.isascii() and value.isprintable() and _is_latin1(value)


def _is_latin1(text: str) -> bool:
    return all(ord(character) < 256 for character in text)  # noqa: PLR2004 - as HTTP sends it

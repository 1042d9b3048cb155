"""What the exporters of OTLP have in transport.

Source: https://github.com/open-telemetry/opentelemetry-collector/tree/main/config
"""

from __future__ import annotations

from collector_ext.core.config.configuration import Tls
from collector_ext.core.config.headers import FRAMING, is_header
from collector_ext.core.config.kinds import (
    FLAG,
    SECRET,
    TEXT,
    Key,
    Kind,
    ignored,
    mapping,
    one_of,
)
from collector_ext.core.config.node import NOTHING, Node
from collector_ext.core.config.section import Remarks, Section

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.configuration import Auth

TLS_KEYS = (
    Key("insecure", FLAG, default=False, meaning="of OTLP/gRPC: no TLS; of HTTP the URL decides"),
    Key("insecure_skip_verify", FLAG, default=False, meaning="any certificate will do"),
    Key("ca_file", TEXT, "", "whom to trust: a file in PEM; default: the system's"),
    Key("ca_pem", TEXT, "", "the same, as text"),
    Key("cert_file", TEXT, "", "as whom to be trusted: a file in PEM"),
    Key("cert_pem", TEXT, "", "the same, as text"),
    Key("key_file", TEXT, "", "the key of that certificate: a file in PEM"),
    Key("key_pem", SECRET, "", "the same, as text"),
    Key("server_name_override", TEXT, "", "the name in the peer's certificate"),
    Key("min_version", one_of("1.2", "1.3"), "1.2", "of TLS"),
    ignored("max_version", "the newest version that both know is used"),
    ignored("cipher_suites", "Python's choice is used"),
    ignored("curve_preferences", "Python's choice is used"),
    ignored("include_system_ca_certs_pool", "a CA that is given is the only one trusted"),
    ignored("reload_interval", "files are read once: /opt and /var/task do not change"),
)

AUTH_KEYS = (Key("authenticator", TEXT, "", "the id of an extension"),)

_OURS = "requests are repeated within the time there is until the environment freezes"
OUR_DELIVERY = (
    ignored("retry_on_failure", _OURS),
    ignored("sending_queue", "what waits is held in one buffer of a fixed size"),
    ignored("read_buffer_size", "Python's choice is used"),
    ignored("write_buffer_size", "Python's choice is used"),
    ignored("middlewares", "there are none here"),
)


def _compression(node: Node) -> str:
    if node.text not in {"", "none", "gzip"}:
        raise ValueError
    return node.text or "none"


COMPRESSION = Key(
    "compression",
    Kind("one of gzip, none", _compression, is_secret=False, keys=()),
    "gzip",
    "of requests",
)
TLS = Key("tls", mapping(TLS_KEYS), None, "TLS")
AUTH = Key("auth", mapping(AUTH_KEYS), None, "who signs requests")


TIMEOUT_S_MAX = 900.0
"""What a timeout of 0, none, comes to: the longest that Lambda lets an invocation take."""


class UnusableError(Exception):
    """An exporter cannot work as it is configured; why has been said."""


def tls_of(section: Section | None, *, is_plain: bool | None) -> Tls:
    """Return what a ``tls`` section says.

    Args:
        section: None for none.
        is_plain: What the URL says; None when it leaves that to ``insecure``.
    """
    values = (section or Section(NOTHING, "", Remarks(""))).read(TLS_KEYS)
    return Tls(
        is_plain=values["insecure"] if is_plain is None else is_plain,
        is_unverified=values["insecure_skip_verify"],
        ca_file=values["ca_file"],
        ca_pem=values["ca_pem"],
        cert_file=values["cert_file"],
        cert_pem=values["cert_pem"],
        key_file=values["key_file"],
        key_pem=values["key_pem"],
        server_name=values["server_name_override"],
        version_min=values["min_version"],
    )


def auth_of(section: Section | None, authenticators: Mapping[str, Auth]) -> Auth | None:
    """Return who signs requests, None for nobody.

    Raises:
        UnusableError: The extension that is named cannot be used: unsigned requests would
            only be refused.
    """
    if section is None:
        return None
    name = section.read(AUTH_KEYS)["authenticator"]
    if name in authenticators:
        return authenticators[name]
    what = f"names {name}, which is no extension that can be used here" if name else "is missing"
    section.complain(f"{what}; nothing is exported", "authenticator")
    raise UnusableError


def headers_of(section: Section, headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the headers that can be sent, and note the others, by their names."""
    usable: list[tuple[str, str]] = []
    for name, value in headers.items():
        if name.lower() in FRAMING:
            section.complain(
                f"names {name}, which belongs to the request itself; it is not sent", "headers"
            )
        elif is_header(name, value):
            usable.append((name, value))
        else:
            section.complain(f"has {name!r}, which is no header that can be sent", "headers")
    return tuple(usable)

"""Settings of an exporter over OTLP/HTTP, as a configuration would have them."""

from __future__ import annotations

from urllib.parse import urlsplit

from collector_ext.core.config.configuration import Destination, OtlpHttp, Tls
from collector_ext.core.events import Delivered, Failed
from collector_ext.core.otlp import PROTOBUF, SIGNALS, TRACES, ExportRequest
from collector_ext.edge import clock
from collector_ext.edge.http_client import PeerError
from collector_ext.edge.senders.otlp_http import sender_of
from tests.fakes.payloads import payload_of

DEFAULT_PORTS = {"http": 80, "https": 443}
BUDGET_S = 20.0
"""Only a failing test needs it."""


def tls_settings(**changes):
    """Return what says nothing but ``changes``."""
    texts = ("ca_file", "ca_pem", "cert_file", "cert_pem", "key_file", "key_pem", "server_name")
    return Tls(
        **{
            "is_plain": False,
            "is_unverified": False,
            **dict.fromkeys(texts, ""),
            "version_min": "",
            **changes,
        }
    )


def otlp_http(url, *, tls=None, headers=(), **changes):
    """Return the settings of an exporter of all signals to ``url``."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    values = {
        "id": "otlp_http",
        "destinations": {
            s: Destination(parts.scheme, parts.hostname, port, parts.path + s.path) for s in SIGNALS
        },
        "headers": dict.fromkeys(SIGNALS, tuple(headers)),
        "is_json": False,
        "is_gzip": dict.fromkeys(SIGNALS, False),
        "timeout_s": dict.fromkeys(SIGNALS, BUDGET_S),
        "tls": dict.fromkeys(SIGNALS, tls or tls_settings()),
        "proxy": "",
        "auth": None,
    }
    return OtlpHttp(**{**values, **changes})


def request_of(body, signal=TRACES):
    """Return an export request of one payload in protobuf."""
    return ExportRequest("otlp_http", signal, (payload_of(signal, PROTOBUF, body),))


def sent(sender, body=b"", signal=TRACES, *, budget_s=BUDGET_S):
    """Send one request as the exporter does: "delivered", or the reason why not."""
    try:
        outcome = sender.send(request_of(body, signal), clock.now() + budget_s)
    except PeerError as fault:
        return str(fault)
    if isinstance(outcome, Delivered):
        return "delivered"
    return outcome.failure.reason + ("; kept" if isinstance(outcome, Failed) else "; dropped")


def sent_once(url, body=b"", **settings):
    """Send one request by a sender of its own."""
    sender = sender_of(otlp_http(url, **settings), own_ports=())
    try:
        return sent(sender, body)
    finally:
        sender.close()

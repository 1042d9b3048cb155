"""``otlp_http``, formerly ``otlphttp``: OTLP over HTTP.

Source: https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/otlphttpexporter
"""

from __future__ import annotations

from collector_ext.core import percent
from collector_ext.core.config.address import split_url, with_path
from collector_ext.core.config.configuration import Auth, Destination, OtlpHttp, SigV4Auth
from collector_ext.core.config.exporters import transport
from collector_ext.core.config.kinds import DURATION, HEADERS, TEXT, Key, ignored, one_of
from collector_ext.core.otlp import SIGNALS, Signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.section import Section

KEYS = (
    Key("endpoint", TEXT, "", "a URL; /v1/traces, /v1/metrics or /v1/logs is appended"),
    Key("traces_endpoint", TEXT, "", "a URL, taken as it is"),
    Key("metrics_endpoint", TEXT, "", "a URL, taken as it is"),
    Key("logs_endpoint", TEXT, "", "a URL, taken as it is"),
    ignored("profiles_endpoint", "there are no profiles here"),
    Key("timeout", DURATION, 30.0, "of one export; 0: none"),
    Key("encoding", one_of("proto", "json"), "proto", "of the body"),
    transport.COMPRESSION,
    Key("headers", HEADERS, {}, "added to each request"),
    Key("proxy_url", TEXT, "", "default: what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say"),
    transport.TLS,
    transport.AUTH,
    ignored("compression_params", "the level is 1: higher ones cost more CPU than they save"),
    *transport.OUR_DELIVERY,
    ignored("max_idle_conns", "there is one connection for each endpoint"),
    ignored("max_idle_conns_per_host", "there is one connection for each endpoint"),
    ignored("max_conns_per_host", "there is one connection for each endpoint"),
    ignored("idle_conn_timeout", "a connection is kept for 50 s"),
    ignored("disable_keep_alives", "a connection is kept for 50 s"),
    ignored("http2_read_idle_timeout", "requests are HTTP/1.1"),
    ignored("http2_ping_timeout", "requests are HTTP/1.1"),
    ignored("force_attempt_http2", "requests are HTTP/1.1"),
    ignored("cookies", "none are kept"),
)

_AWS = ("amazonaws.com", "amazonaws.com.cn")
_SIGNED_AS = {"aps-workspaces": "aps"}


def read(section: Section, authenticators: Mapping[str, Auth]) -> OtlpHttp | None:
    """Return the exporter, None when it cannot work; why is noted.

    Args:
        section: Of the exporter.
        authenticators: The usable extensions, by their ids.
    """
    values = section.read(KEYS)
    places = _Places()
    for signal in SIGNALS:
        places.find(signal, section, values["endpoint"], values[f"{signal.name}_endpoint"])
    if not places.destinations:
        if not places.has_fault:
            section.complain("has no endpoint; nothing is exported to it")
        return None
    try:
        auth = transport.auth_of(values["auth"], authenticators)
    except transport.UnusableError:
        return None
    headers = transport.headers_of(section, values["headers"])
    if places.user and not any(name.lower() == "authorization" for name, _ in headers):
        headers += (("Authorization", f"Basic {places.user}"),)
    found = places.destinations
    tls = transport.tls_of(values["tls"], is_plain=False)
    plain = type(tls)(**{**tls.__dict__, "is_plain": True})
    return OtlpHttp(
        id=section.id,
        destinations=found,
        headers=dict.fromkeys(found, headers),
        is_json=values["encoding"] == "json",
        is_gzip=dict.fromkeys(found, values["compression"] == "gzip"),
        timeout_s=dict.fromkeys(found, values["timeout"] or transport.TIMEOUT_S_MAX),
        tls={signal: plain if at.scheme == "http" else tls for signal, at in found.items()},
        proxy=values["proxy_url"],
        auth=_completed(auth, next(iter(found.values())).host),
    )


class _Places:
    """Where each signal goes."""

    def __init__(self) -> None:
        self.destinations: dict[Signal, Destination] = {}
        self.user = ""  # of the URL, as basic authentication wants it
        self.has_fault = False

    def find(self, signal: Signal, section: Section, general: str, own: str) -> None:
        """Take down the destination of a signal; its own endpoint goes before the general."""
        url = own or general
        if not url:
            return
        parts = split_url(url)
        if parts is None:
            self.has_fault = True
            # Never the URL: what cannot be told apart may be a password.
            found = "is not an http:// or https:// URL that can be used"
            key = f"{signal.name}_endpoint" if own else "endpoint"
            section.complain(f"{found}; nothing is exported to it", key)
            return
        target = parts.target if own else with_path(parts.target, signal.path)
        self.user = self.user or (percent.base64(percent.decoded(parts.user)) if parts.user else "")
        self.destinations[signal] = Destination(parts.scheme, parts.host, parts.port, target)


def _completed(auth: Auth | None, host: str) -> Auth | None:
    """Fill in what a signature leaves to the endpoint's name: ``service.region.amazonaws.com``."""
    if not isinstance(auth, SigV4Auth):
        return auth
    name, _, rest = host.partition(".")
    region, _, domain = rest.partition(".")
    if domain not in _AWS:
        return auth
    service = auth.service or _SIGNED_AS.get(name, name)
    return SigV4Auth(auth.region or region, service, auth.role_arn)

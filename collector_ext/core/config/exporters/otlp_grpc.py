"""``otlp_grpc``, formerly ``otlp``: OTLP over gRPC.

Source: https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/otlpexporter
"""

from __future__ import annotations

from collector_ext.core.config.address import split_target
from collector_ext.core.config.configuration import Auth, OtlpGrpc
from collector_ext.core.config.exporters import transport
from collector_ext.core.config.kinds import DURATION, HEADERS, TEXT, Key, ignored
from collector_ext.core.otlp import SIGNALS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.section import Section

KEYS = (
    Key("endpoint", TEXT, "", "host:port, with TLS unless tls.insecure or http:// says otherwise"),
    Key("timeout", DURATION, 5.0, "of one export; 0: none"),
    transport.COMPRESSION,
    Key("headers", HEADERS, {}, "added to each request, as metadata"),
    transport.TLS,
    transport.AUTH,
    *transport.OUR_DELIVERY,
    ignored("keepalive", "an environment that is frozen keeps nothing alive"),
    ignored("wait_for_ready", "a peer is waited for until the deadline of the export"),
    ignored("balancer_name", "there is one connection for each endpoint"),
    ignored("authority", "it is the endpoint's; see tls.server_name_override"),
    ignored("user_agent", "it is otel-layer's"),
)


def read(section: Section, authenticators: Mapping[str, Auth]) -> OtlpGrpc | None:
    """Return the exporter, None when it cannot work; why is noted.

    Args:
        section: Of the exporter.
        authenticators: The usable extensions, by their ids.
    """
    values = section.read(KEYS)
    if not values["endpoint"]:
        section.complain("has no endpoint; nothing is exported to it")
        return None
    found = split_target(values["endpoint"])
    if found is None:
        what = "is not a host:port that can be used"
        section.complain(f"{what}; nothing is exported to it", "endpoint")
        return None
    scheme, target = found
    try:
        auth = transport.auth_of(values["auth"], authenticators)
    except transport.UnusableError:
        return None
    tls = transport.tls_of(values["tls"], is_plain=scheme == "http" if scheme else None)
    headers = transport.headers_of(section, values["headers"])
    return OtlpGrpc(
        id=section.id,
        targets=dict.fromkeys(SIGNALS, target),
        headers=dict.fromkeys(SIGNALS, tuple((name.lower(), value) for name, value in headers)),
        is_gzip=dict.fromkeys(SIGNALS, values["compression"] == "gzip"),
        timeout_s=dict.fromkeys(SIGNALS, values["timeout"] or transport.TIMEOUT_S_MAX),
        tls=dict.fromkeys(SIGNALS, tls),
        auth=auth,
    )

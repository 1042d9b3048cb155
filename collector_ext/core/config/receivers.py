"""``otlp``, the one receiver: OTLP over HTTP always, over gRPC when a document names it.

Source: https://github.com/open-telemetry/opentelemetry-collector/tree/main/receiver/otlpreceiver
"""

from __future__ import annotations

from collector_ext.core.config.address import GRPC_PORT, split_address
from collector_ext.core.config.configuration import GrpcReceiver
from collector_ext.core.config.kinds import COUNT, TEXT, Key, ignored, mapping
from collector_ext.core.config.node import NOTHING
from collector_ext.core.config.section import Section

HTTP_PORT = 4318
LOOPBACK = "127.0.0.1"
_MIB = 1024 * 1024

_LOCAL = (
    ignored("tls", "receivers are on loopback"),
    ignored("auth", "receivers are on loopback and let everyone in"),
    ignored("include_metadata", "what clients send beside OTLP ends here"),
    ignored("read_buffer_size", "Python's choice is used"),
    ignored("write_buffer_size", "Python's choice is used"),
    ignored("middlewares", "there are none here"),
)

HTTP_KEYS = (
    Key("endpoint", TEXT, f"localhost:{HTTP_PORT}", "on loopback, whatever host it names"),
    ignored("traces_url_path", "it is /v1/traces"),
    ignored("metrics_url_path", "it is /v1/metrics"),
    ignored("logs_url_path", "it is /v1/logs"),
    ignored("max_request_body_size", "the bound is the layer's own"),
    ignored("compression_algorithms", "gzip and deflate are taken"),
    ignored("cors", "no browser runs beside a function"),
    ignored("idle_timeout", "connections are kept"),
    ignored("keep_alives_enabled", "connections are kept"),
    *_LOCAL,
)

GRPC_KEYS = (
    Key("endpoint", TEXT, f"localhost:{GRPC_PORT}", "on loopback, whatever host it names"),
    Key("max_recv_msg_size_mib", COUNT, 4, "MiB of one request"),
    ignored("max_concurrent_streams", "grpcio's choice is used"),
    ignored("keepalive", "grpcio's choice is used"),
    ignored("transport", "it is tcp"),
    *_LOCAL,
)

PROTOCOL_KEYS = (
    Key("http", mapping(HTTP_KEYS), None, "OTLP/HTTP, which is always received"),
    Key("grpc", mapping(GRPC_KEYS), None, "OTLP/gRPC, received when it is named"),
)

KEYS = (Key("protocols", mapping(PROTOCOL_KEYS), None, "what is received"),)


def read(section: Section) -> GrpcReceiver | None:
    """Return the receiver for gRPC, None when it is not wanted."""
    protocols = section.read(KEYS)["protocols"]
    if protocols is None:
        return None
    values = protocols.read(PROTOCOL_KEYS)
    if values["http"] and _port(values["http"], HTTP_KEYS, HTTP_PORT) != HTTP_PORT:
        found = "asks for a port, and one is bound before a document can be read"
        values["http"].complain(f"{found}; OTEL_LAYER_RECEIVER_PORT sets it", "endpoint")
    if "grpc" not in (protocols.node.mapping or {}):
        return None
    grpc = values["grpc"] or Section(NOTHING, "", section.remarks)
    size_mib = grpc.read(GRPC_KEYS)["max_recv_msg_size_mib"]
    return GrpcReceiver(LOOPBACK, _port(grpc, GRPC_KEYS, GRPC_PORT), size_mib * _MIB)


def _port(section: Section, keys: tuple[Key, ...], default: int) -> int:
    """Return the port to listen at; the host is loopback: nobody else reaches an environment."""
    endpoint = section.read(keys)["endpoint"]
    _, port = split_address(endpoint.partition("://")[2] or endpoint, default)
    if port is None:
        found = f"is {endpoint!r}, which has no usable port"
        section.complain(f"{found}; using {default}", "endpoint")
    return port or default

"""The configuration: what is received, what is done to it, and where it goes.

Values alone; where they come from is the affair of ``variables`` and ``document``. A ``repr``
of them may hold secrets, and is never said.
"""

from __future__ import annotations

from collector_ext.core.otlp import Signal
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Processor(Protocol):
        """One step of a pipeline."""

        def process(self, signal: Signal, body: bytes) -> bytes:
            """Return the export request as it is to go on; empty for nothing.

            Args:
                signal: Of the request.
                body: A serialised ``Export*ServiceRequest`` in protobuf: of traces, all that
                    an invocation sent since the last export.
            """


class Tls(Value):
    """How a peer is trusted, and how it may trust us. Paths are files in PEM; empty for none."""

    is_plain: bool  # no TLS at all
    is_unverified: bool  # any certificate will do
    ca_file: str
    ca_pem: str
    cert_file: str
    cert_pem: str
    key_file: str
    key_pem: str
    server_name: str  # in the certificate, if it is not the host's
    version_min: str  # "1.2" or "1.3"


class BasicAuth(Value):
    """``Authorization: Basic``."""

    username: str
    password: str


class BearerAuth(Value):
    """``Authorization: Bearer``."""

    token: str


class SigV4Auth(Value):
    """AWS's signature, with the credentials of the environment."""

    region: str
    service: str
    role_arn: str  # to be assumed; empty for none


Auth = BasicAuth | BearerAuth | SigV4Auth


class Destination(Value):
    """Where one signal goes, over HTTP."""

    scheme: str  # http or https
    host: str  # without the brackets of an IPv6 address
    port: int
    target: str  # path and query


class OtlpHttp(Value):
    """An exporter over OTLP/HTTP."""

    id: str  # as in the configuration: otlp_http/honeycomb
    destinations: dict[Signal, Destination]  # without signals that have none
    headers: dict[Signal, tuple[tuple[str, str], ...]]  # decoded
    is_json: bool
    is_gzip: dict[Signal, bool]
    timeout_s: dict[Signal, float]  # of one export
    tls: dict[Signal, Tls]
    proxy: str  # URL; empty for what the standard variables say
    auth: Auth | None


class OtlpGrpc(Value):
    """An exporter over OTLP/gRPC."""

    id: str
    targets: dict[Signal, str]  # host:port
    headers: dict[Signal, tuple[tuple[str, str], ...]]  # in small letters, as metadata has them
    is_gzip: dict[Signal, bool]
    timeout_s: dict[Signal, float]
    tls: dict[Signal, Tls]
    auth: Auth | None


class Debug(Value):
    """An exporter to the log."""

    id: str
    verbosity: str  # basic, normal or detailed


class File(Value):
    """An exporter to a file, which grows."""

    id: str
    path: str
    is_json: bool  # a line for each request; else requests in protobuf, each after its length


ExporterSettings = OtlpHttp | OtlpGrpc | Debug | File


class GrpcReceiver(Value):
    """OTLP/gRPC on loopback."""

    host: str
    port: int
    size_bytes_max: int  # of one request


class PipelineSettings(Value):
    """One way from receivers to exporters."""

    id: str  # traces, metrics/second
    signal: Signal
    processors: tuple[tuple[str, Processor], ...]  # by their ids, in order
    exporters: tuple[str, ...]  # ids, each in ``Configuration.exporters``


class Configuration(Value):
    """All of it."""

    exporters: dict[str, ExporterSettings]
    pipelines: tuple[PipelineSettings, ...]
    grpc_receiver: GrpcReceiver | None
    remarks: tuple[str, ...]  # a sentence for each thing that could not be used
    ignored: tuple[str, ...]  # a sentence for each thing that is known, and means nothing here
    secrets: tuple[str, ...]  # references that are not resolved yet, see ``substitution``

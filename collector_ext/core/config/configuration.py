"""The configuration: what is received, what is done to it, and where it goes.

Values alone; where they come from is the affair of ``variables`` and ``document``. A ``repr``
of them may hold secrets, and is never said.
"""

from __future__ import annotations

from collector_ext.core.config.address import name_of, split_known
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


def type_of(component_id: str) -> str:
    """Return the type in an id: ``otlp_http`` of ``otlp_http/honeycomb``."""
    return component_id.partition("/")[0].strip()


class ExporterSettings(Value):
    """What an exporter is configured to do, and what can be said of it.

    Each type of exporter derives its own: those that only documents know in the module that
    sends, see `collector_ext.edge.senders.table`. Whoever speaks of exporters asks the
    settings, and knows no types. What they say is for people: no secret is in it.
    """

    id: str  # as in the configuration: otlp_http/honeycomb

    def names(self) -> dict[Signal, str]:
        """Return where each signal goes; signals that go nowhere are left out."""
        raise NotImplementedError

    def rows(self) -> list[tuple[str, str]]:
        """Return what each setting came to, with its key before it; at least one."""
        raise NotImplementedError

    def manner(self) -> list[str]:
        """Return how it is sent, in items for the line of a start; by default the type."""
        return [type_of(self.id)]

    def timeout_s_max(self) -> float:
        """Return the longest that an export may take; by default 0: nobody is waited for."""
        return 0.0

    def peers(self) -> dict[Signal, tuple[str, int]]:
        """Return host and port of those signals that go over the network; by default none.

        One that is this collector itself is not exported to.
        """
        return {}

    def without(self, signals: set[Signal]) -> ExporterSettings | None:  # noqa: ARG002 - of others
        """Return the settings without some of the peers' signals; by default nothing is left."""
        return None


class OtlpHttp(ExporterSettings):
    """An exporter over OTLP/HTTP."""

    destinations: dict[Signal, Destination]  # without signals that have none
    headers: dict[Signal, tuple[tuple[str, str], ...]]  # decoded
    is_json: bool
    is_gzip: dict[Signal, bool]
    timeout_s: dict[Signal, float]  # of one export
    tls: dict[Signal, Tls]
    proxy: str  # URL; empty for what the standard variables say
    auth: Auth | None

    def names(self) -> dict[Signal, str]:
        """Return the URL of each signal, without its query."""
        return {signal: name_of(at) for signal, at in self.destinations.items()}

    def rows(self) -> list[tuple[str, str]]:
        """Return what each setting came to."""
        from collector_ext.core.config import otlp_rows  # noqa: PLC0415 - for people who ask

        return otlp_rows.of_http(self)

    def manner(self) -> list[str]:
        """Return the protocol, the names of headers, and who signs."""
        return ["http/json" if self.is_json else "http/protobuf", *_who(self)]

    def timeout_s_max(self) -> float:
        """Return the timeout of the most patient signal."""
        return max(self.timeout_s.values(), default=0.0)

    def peers(self) -> dict[Signal, tuple[str, int]]:
        """Return where each signal's endpoint is."""
        return {signal: (at.host, at.port) for signal, at in self.destinations.items()}

    def without(self, signals: set[Signal]) -> OtlpHttp | None:
        """Return the settings of the other signals."""
        left = {s: at for s, at in self.destinations.items() if s not in signals}
        return OtlpHttp(**{**self.__dict__, "destinations": left}) if left else None


class OtlpGrpc(ExporterSettings):
    """An exporter over OTLP/gRPC."""

    targets: dict[Signal, str]  # host:port
    headers: dict[Signal, tuple[tuple[str, str], ...]]  # in small letters, as metadata has them
    is_gzip: dict[Signal, bool]
    timeout_s: dict[Signal, float]
    tls: dict[Signal, Tls]
    auth: Auth | None

    def names(self) -> dict[Signal, str]:
        """Return the target of each signal, as a URL."""
        return {signal: f"grpc://{target}" for signal, target in self.targets.items()}

    def rows(self) -> list[tuple[str, str]]:
        """Return what each setting came to."""
        from collector_ext.core.config import otlp_rows  # noqa: PLC0415 - for people who ask

        return otlp_rows.of_grpc(self)

    def manner(self) -> list[str]:
        """Return the protocol, the names of headers, and who signs."""
        return ["grpc", *_who(self)]

    def timeout_s_max(self) -> float:
        """Return the timeout of the most patient signal."""
        return max(self.timeout_s.values(), default=0.0)

    def peers(self) -> dict[Signal, tuple[str, int]]:
        """Return where each signal's target is."""
        return {signal: split_known(target) for signal, target in self.targets.items()}

    def without(self, signals: set[Signal]) -> OtlpGrpc | None:
        """Return the settings of the other signals."""
        left = {s: target for s, target in self.targets.items() if s not in signals}
        return OtlpGrpc(**{**self.__dict__, "targets": left}) if left else None


def _who(exporter: OtlpHttp | OtlpGrpc) -> list[str]:
    """Return the names of headers, whose values are secrets as a rule, and who signs."""
    headers = exporter.headers.values()
    names = dict.fromkeys(name.lower() for pairs in headers for name, _ in pairs)
    found = ["headers " + " ".join(names)] if names else []
    return [*found, type(exporter.auth).__name__] if exporter.auth else found


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

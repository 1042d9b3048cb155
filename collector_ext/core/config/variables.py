"""The configuration that OpenTelemetry's own variables make, without any file.

Variables of one signal (``OTEL_EXPORTER_OTLP_TRACES_...``) go before the general ones. What
cannot be used is replaced by the default, with one sentence that says so.

Loaded in every cold start: C modules alone.

Specification: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

from collector_ext.core import percent
from collector_ext.core.config.address import split_target, split_url, with_path
from collector_ext.core.config.configuration import (
    Configuration,
    Destination,
    ExporterSettings,
    OtlpGrpc,
    OtlpHttp,
    PipelineSettings,
    Tls,
)
from collector_ext.core.config.headers import FRAMING, is_header
from collector_ext.core.otlp import SIGNALS, Signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PREFIX = "OTEL_EXPORTER_OTLP"

TIMEOUT_S = 10.0
"""The specification's default for one export."""

MILLISECONDS_MIN = 100
"""Below, OTEL_EXPORTER_OTLP_TIMEOUT is taken as seconds, as Python's SDK reads it: nobody
means to give a remote endpoint under 0.1 s."""

EXPORTERS = {"http/protobuf": "otlp_http", "http/json": "otlp_http/json", "grpc": "otlp_grpc"}
"""The exporter that a protocol makes, by its id."""

_TRUTH = {"": False, "false": False, "true": True}


def has_endpoint(variables: Mapping[str, str]) -> bool:
    """Whether any of the variables names an endpoint, a usable one or not."""
    names = [f"{PREFIX}_{signal.name.upper()}_ENDPOINT" for signal in SIGNALS]
    return any(variables.get(name, "").strip() for name in (f"{PREFIX}_ENDPOINT", *names))


def configuration_from(variables: Mapping[str, str]) -> Configuration:
    """Return what the variables say: an exporter for each protocol, a pipeline for each signal."""
    reading = _Reading(variables)
    exporters: dict[str, ExporterSettings] = {}
    pipelines: list[PipelineSettings] = []
    for signal in SIGNALS:
        exporter = reading.exporter(signal)
        if exporter is None:
            continue
        known = exporters.get(exporter.id)
        exporters[exporter.id] = _joined(known, exporter) if known else exporter
        pipelines.append(PipelineSettings(signal.name, signal, (), (exporter.id,)))
    remarks = tuple(reading.remarks)
    return Configuration(exporters, tuple(pipelines), None, remarks, ignored=(), secrets=())


class _Reading:
    """One pass over the variables; a remark is made once, however many signals share it."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.remarks: dict[str, None] = {}

    def exporter(self, signal: Signal) -> ExporterSettings | None:
        """Return what exports this signal, and this one alone; None for nothing."""
        variable, url = self._setting(signal, "ENDPOINT")
        if not url:
            return None
        protocol = self._protocol(signal)
        if protocol == "grpc":
            return self._grpc(signal, variable, url)
        return self._http(signal, variable, url, is_json=protocol == "http/json")

    def _http(
        self, signal: Signal, variable: str, url: str, *, is_json: bool
    ) -> ExporterSettings | None:
        parts = split_url(url)
        if parts is None:
            # Never the URL: what cannot be told apart may be a password.
            found = f"{variable} is not an http:// or https:// URL that can be used"
            self._remark(f"{found}; nothing is exported to it")
            return None
        is_general = variable == f"{PREFIX}_ENDPOINT"
        target = with_path(parts.target, signal.path) if is_general else parts.target
        headers = self._headers(signal)
        if parts.user and not any(name.lower() == "authorization" for name, _ in headers):
            user = percent.base64(percent.decoded(parts.user))
            headers += (("Authorization", f"Basic {user}"),)
        return OtlpHttp(
            id=EXPORTERS["http/json" if is_json else "http/protobuf"],
            destinations={signal: Destination(parts.scheme, parts.host, parts.port, target)},
            headers={signal: headers},
            is_json=is_json,
            is_gzip={signal: self._is_gzip(signal)},
            timeout_s={signal: self._timeout_s(signal)},
            tls={signal: self._tls(signal, is_plain=parts.scheme == "http")},
            proxy="",
            auth=None,
        )

    def _grpc(self, signal: Signal, variable: str, url: str) -> ExporterSettings | None:
        found = split_target(url)
        if found is None:
            self._remark(
                f"{variable} is not a host:port that can be used; nothing is exported to it"
            )
            return None
        scheme, target = found
        is_plain = scheme == "http" or (not scheme and self._is_insecure(signal))
        headers = tuple((name.lower(), value) for name, value in self._headers(signal))
        return OtlpGrpc(
            id=EXPORTERS["grpc"],
            targets={signal: target},
            headers={signal: headers},
            is_gzip={signal: self._is_gzip(signal)},
            timeout_s={signal: self._timeout_s(signal)},
            tls={signal: self._tls(signal, is_plain=is_plain)},
            auth=None,
        )

    def _setting(self, signal: Signal, option: str) -> tuple[str, str]:
        """Return the variable that counts for ``signal``, and its value; empty is unset."""
        of_signal = f"{PREFIX}_{signal.name.upper()}_{option}"
        of_all = f"{PREFIX}_{option}"
        value = self._variables.get(of_signal, "").strip()
        return (of_signal, value) if value else (of_all, self._variables.get(of_all, "").strip())

    def _remark(self, sentence: str) -> None:
        self.remarks[sentence] = None

    def _protocol(self, signal: Signal) -> str:
        variable, protocol = self._setting(signal, "PROTOCOL")
        if protocol in EXPORTERS:
            return protocol
        if protocol:
            known = ", ".join(EXPORTERS)
            self._remark(f"{variable}={protocol!r} is none of {known}; using http/protobuf")
        return "http/protobuf"

    def _headers(self, signal: Signal) -> tuple[tuple[str, str], ...]:
        variable, text = self._setting(signal, "HEADERS")
        headers: list[tuple[str, str]] = []
        for member in text.split(",") if text else ():
            name, equals, value = member.partition("=")
            name, value = percent.decoded(name.strip()), percent.decoded(value.strip())
            if equals and name.lower() in FRAMING:
                found = f"{variable} names headers that belong to the request itself"
                self._remark(f"{found}; those are not sent")
            elif equals and is_header(name, value):
                headers.append((name, value))
            elif member.strip():
                # Never the value: it may be a key.
                self._remark(f"{variable} has a part that is not name=value; that part is not sent")
        return tuple(headers)

    def _is_gzip(self, signal: Signal) -> bool:
        variable, compression = self._setting(signal, "COMPRESSION")
        if compression not in {"", "gzip", "none"}:
            self._remark(f"{variable}={compression!r} is neither gzip nor none; using gzip")
        return compression != "none"

    def _is_insecure(self, signal: Signal) -> bool:
        variable, text = self._setting(signal, "INSECURE")
        if text.lower() not in _TRUTH:
            self._remark(f"{variable}={text!r} is neither true nor false; using false")
        return _TRUTH.get(text.lower(), False)

    def _tls(self, signal: Signal, *, is_plain: bool) -> Tls:
        return Tls(
            is_plain=is_plain,
            is_unverified=False,
            ca_file=self._setting(signal, "CERTIFICATE")[1],
            ca_pem="",
            cert_file=self._setting(signal, "CLIENT_CERTIFICATE")[1],
            cert_pem="",
            key_file=self._setting(signal, "CLIENT_KEY")[1],
            key_pem="",
            server_name="",
            version_min="1.2",
        )

    def _timeout_s(self, signal: Signal) -> float:
        variable, text = self._setting(signal, "TIMEOUT")
        if not text:
            return TIMEOUT_S
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self._remark(
                f"{variable}={text!r} is not a number of milliseconds; using {TIMEOUT_S * 1000:.0f}"
            )
            return TIMEOUT_S
        if number >= MILLISECONDS_MIN:
            return number / 1000
        self._remark(
            f"{variable}={text!r} is {text} ms by the specification and {text} s to Python's SDK; "
            f"using {text} s"
        )
        return number


def _joined(one: ExporterSettings, other: ExporterSettings) -> ExporterSettings:
    """Return one exporter for the signals of both, which are of one kind."""
    fields: dict[str, Any] = {
        name: {**value, **other.__dict__[name]} if isinstance(value, dict) else value
        for name, value in one.__dict__.items()
    }
    return type(one)(**fields)

"""The configuration in words that a person likes to read; no secret is among them."""

from __future__ import annotations

from collector_ext.core.config.address import shown
from collector_ext.core.config.configuration import (
    Auth,
    BasicAuth,
    BearerAuth,
    Configuration,
    Debug,
    ExporterSettings,
    File,
    OtlpGrpc,
    OtlpHttp,
    Tls,
)
from collector_ext.core.config.naming import names_of
from collector_ext.core.otlp import SIGNALS, Signal

HIDDEN = "********"


def pipelines(configuration: Configuration, http_port: str) -> list[str]:
    """Return the effective pipelines as lines, one block for each.

    Args:
        configuration: All of it.
        http_port: Of the receiver for OTLP/HTTP.
    """
    grpc = configuration.grpc_receiver
    received = f"OTLP/HTTP on 127.0.0.1:{http_port}"
    received += f", OTLP/gRPC on {grpc.host}:{grpc.port}" if grpc else ""
    lines: list[str] = []
    for pipeline in configuration.pipelines:
        lines += [pipeline.id, f"    {received}"]
        lines += [f"    -> {name}" for name, _ in pipeline.processors]
        for name in pipeline.exporters:
            place = _place(configuration.exporters[name], pipeline.signal)
            lines.append(f"    => {name}: {place}")
    return lines


def settings(exporter: ExporterSettings) -> list[str]:
    """Return what each setting of an exporter came to, as lines."""
    rows = _rows(exporter)
    width = max(len(name) for name, _ in rows)
    return [exporter.id, *(f"    {name:<{width}}  {value}" for name, value in rows)]


def _rows(exporter: ExporterSettings) -> list[tuple[str, str]]:
    if isinstance(exporter, Debug):
        return [("verbosity", exporter.verbosity)]
    if isinstance(exporter, File):
        return [("path", exporter.path), ("format", "json" if exporter.is_json else "proto")]
    rows = _of_signals(exporter)
    if isinstance(exporter, OtlpHttp):
        rows.append(("encoding", "json" if exporter.is_json else "proto"))
        proxy = shown(exporter.proxy) if exporter.proxy else "as HTTPS_PROXY and NO_PROXY say"
        rows.append(("proxy", proxy))
    return [*rows, ("auth", _auth(exporter.auth))] if exporter.auth else rows


def _of_signals(exporter: OtlpHttp | OtlpGrpc) -> list[tuple[str, str]]:
    """Return what may differ between signals; said once where it does not."""
    signals = [signal for signal in SIGNALS if signal in exporter.timeout_s]
    rows = [(signal.name, _place(exporter, signal)) for signal in signals]
    for name, values in (
        ("headers", [_headers(exporter.headers[signal]) for signal in signals]),
        ("compression", ["gzip" if exporter.is_gzip[signal] else "none" for signal in signals]),
        ("timeout", [f"{exporter.timeout_s[signal]:g} s" for signal in signals]),
        ("tls", [_tls(exporter.tls[signal]) for signal in signals]),
    ):
        if len(set(values)) == 1:
            rows.append((name, values[0]))
        else:
            rows += [(f"{name} of {s.name}", v) for s, v in zip(signals, values, strict=True)]
    return rows


def _place(exporter: ExporterSettings, signal: Signal) -> str:
    return names_of(exporter).get(signal, "nowhere: it has no endpoint for these")


def _headers(headers: tuple[tuple[str, str], ...]) -> str:
    return (
        ", ".join(f"{name}: {HIDDEN if value else '(empty)'}" for name, value in headers) or "none"
    )


def _tls(tls: Tls) -> str:
    if tls.is_plain:
        return "none: in clear text"
    said = [f"{tls.version_min} or newer"]
    said += ["any certificate will do"] if tls.is_unverified else []
    said += [f"trusts {tls.ca_file or 'the CA given'}"] if tls.ca_file or tls.ca_pem else []
    said += (
        [f"as {tls.cert_file or 'the certificate given'}"] if tls.cert_file or tls.cert_pem else []
    )
    said += [f"server name {tls.server_name}"] if tls.server_name else []
    return ", ".join(said)


def _auth(auth: Auth) -> str:
    if isinstance(auth, BasicAuth):
        return f"basic, {auth.username}:{HIDDEN}"
    if isinstance(auth, BearerAuth):
        return f"bearer, {HIDDEN}"
    region = auth.region or "the region of AWS_REGION"
    role = f", as {auth.role_arn}" if auth.role_arn else ""
    return f"signature V4, {auth.service or 'no service'} in {region}{role}"

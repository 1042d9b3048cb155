"""What the settings of exporters of OTLP came to, in words; no secret is among them."""

from __future__ import annotations

from collector_ext.core.config.address import shown
from collector_ext.core.config.configuration import (
    Auth,
    BasicAuth,
    BearerAuth,
    OtlpGrpc,
    OtlpHttp,
    Tls,
)
from collector_ext.core.config.explanation import NOWHERE
from collector_ext.core.otlp import SIGNALS

HIDDEN = "********"


def of_http(exporter: OtlpHttp) -> list[tuple[str, str]]:
    """Return the settings of one over HTTP, each with its key before it."""
    proxy = shown(exporter.proxy) if exporter.proxy else "as HTTPS_PROXY and NO_PROXY say"
    return [
        *_of_signals(exporter),
        ("encoding", "json" if exporter.is_json else "proto"),
        ("proxy", proxy),
        *_of_auth(exporter.auth),
    ]


def of_grpc(exporter: OtlpGrpc) -> list[tuple[str, str]]:
    """Return the settings of one over gRPC, each with its key before it."""
    return [*_of_signals(exporter), *_of_auth(exporter.auth)]


def _of_auth(auth: Auth | None) -> list[tuple[str, str]]:
    return [("auth", _auth(auth))] if auth else []


def _of_signals(exporter: OtlpHttp | OtlpGrpc) -> list[tuple[str, str]]:
    """Return what may differ between signals; said once where it does not."""
    signals = [signal for signal in SIGNALS if signal in exporter.timeout_s]
    names = exporter.names()
    rows = [(signal.name, names.get(signal, NOWHERE)) for signal in signals]
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

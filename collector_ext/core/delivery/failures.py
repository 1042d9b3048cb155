"""Why an export failed, as classes of failures, and what follows from each.

Sources: which answers may be sent again, https://opentelemetry.io/docs/specs/otlp/#failures-1
(HTTP) and https://opentelemetry.io/docs/specs/otlp/#failures (gRPC).
"""

from __future__ import annotations

from collector_ext.core.value import Value


class Kind(Value):
    """One class of failures."""

    name: str  # as in metrics, where it is an error.type, and in the documentation
    count_max: int  # in a row, and the endpoint is left alone for a while; 0: it is not away
    is_retried: bool  # while the invocation waits for its export
    advice: str  # a clause for the operator; empty where the reason says it all


class Failure(Value):
    """One failure."""

    kind: Kind
    reason: str  # what was found, as people are told: without secrets
    retry_after_s: float | None  # as the endpoint asked for


NAME = Kind(
    "name_resolution",
    count_max=1,
    is_retried=False,
    advice="check the endpoint's name, and that the function's network can resolve it",
)
CONNECTION = Kind("connection", count_max=3, is_retried=True, advice="")
"""Refused, reset, closed, unreachable: whoever is there may be back in a moment."""

TIMEOUT = Kind("timeout", count_max=1, is_retried=False, advice="")
"""No answer in time: it has cost a whole budget, and is not paid for again at once."""

TLS = Kind(
    "tls",
    count_max=1,
    is_retried=False,
    advice="check the certificate, and OTEL_EXPORTER_OTLP_CERTIFICATE for a private authority",
)
UNAVAILABLE = Kind("unavailable", count_max=3, is_retried=True, advice="")
THROTTLED = Kind("throttled", count_max=3, is_retried=True, advice="")
UNAUTHORISED = Kind(
    "unauthorised",
    count_max=1,
    is_retried=False,
    advice="check the key in OTEL_EXPORTER_OTLP_HEADERS or in the exporter's headers",
)
NOT_FOUND = Kind(
    "not_found",
    count_max=1,
    is_retried=False,
    advice="check the path: /v1/traces and its like are appended to OTEL_EXPORTER_OTLP_ENDPOINT, "
    "and to no endpoint of one signal",
)
CONTENT = Kind("content", count_max=0, is_retried=False, advice="")
"""It is the body that is refused, not whoever sends it."""

TOO_LARGE = Kind("too_large", count_max=0, is_retried=False, advice="")
ANSWER = Kind("answer", count_max=3, is_retried=False, advice="")
"""Any other status, or what is no HTTP."""

SECRET = Kind("secret", count_max=1, is_retried=False, advice="")
"""The exporter is made of a secret that is not known yet."""

PROXY = Kind("proxy", count_max=1, is_retried=False, advice="check HTTPS_PROXY and NO_PROXY")
LOCAL = Kind("local", count_max=3, is_retried=False, advice="")
"""Nothing remote: a file that cannot be written, a fault of ours."""

KINDS = (
    NAME,
    CONNECTION,
    TIMEOUT,
    TLS,
    UNAVAILABLE,
    THROTTLED,
    UNAUTHORISED,
    NOT_FOUND,
    CONTENT,
    TOO_LARGE,
    ANSWER,
    SECRET,
    PROXY,
    LOCAL,
)

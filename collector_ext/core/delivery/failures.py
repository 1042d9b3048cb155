"""Why an export failed, as classes of failures, and what follows from each.

Under each kind: what it means, in one paragraph, and in another what becomes of the data. They
are what docs/failures.md says of it (`scripts/failures.py`). "In a row" counts what is sent
for one signal by one exporter.

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
    reason: str  # what was found, as people are told: one clause, without secrets
    retry_after_s: float | None  # as the endpoint asked for; at most RETRY_AFTER_S_MAX


RETRY_AFTER_S_MAX = 300.0
"""Whatever an endpoint asks for: the longest that one is left alone."""

NAME = Kind(
    "name_resolution",
    count_max=1,
    is_retried=False,
    advice="check the host's name in the endpoint, and that the function's VPC can resolve it",
)
"""The name of the host cannot be resolved.

It is kept for the next export.
"""

CONNECTION = Kind(
    "connection",
    count_max=3,
    is_retried=True,
    advice="check the port and whether it is one for TLS, and that the function's subnets and "
    "security groups lead to it",
)
"""Refused, reset, closed or unreachable: whoever is there may be back in a moment.

It is kept for the next export.
"""

TIMEOUT = Kind(
    "timeout",
    count_max=1,
    is_retried=False,
    advice="check that the function has a way to the endpoint, which in a VPC takes a NAT gateway "
    "or an endpoint of its own, or raise OTEL_EXPORTER_OTLP_TIMEOUT",
)
"""There was no answer in time. That has cost a whole budget, and is not paid for again at once.

It is kept for the next export, and is there twice if it arrived all the same.
"""

TLS = Kind(
    "tls",
    count_max=1,
    is_retried=False,
    advice="check that the port is the one for TLS, and name the authority of a private "
    "certificate in OTEL_EXPORTER_OTLP_CERTIFICATE",
)
"""The two sides cannot agree on a secure connection, or do not trust each other.

It is kept for the next export.
"""

UNAVAILABLE = Kind("unavailable", count_max=3, is_retried=True, advice="")
"""The endpoint, or what stands before it, says that it cannot serve now.

It is kept for the next export.
"""

THROTTLED = Kind(
    "throttled",
    count_max=3,
    is_retried=True,
    advice="send less, by a sampler or a filter, or ask for a higher limit",
)
"""The endpoint says that it is sent too much.

It is kept for the next export.
"""

UNAUTHORISED = Kind(
    "unauthorised",
    count_max=1,
    is_retried=False,
    advice="check the key in OTEL_EXPORTER_OTLP_HEADERS or in the exporter's headers",
)
"""The endpoint does not know us, or does not let us.

It is dropped and counted; where the headers hold secrets, which may have been rotated, it is \
kept for the next export.
"""

NOT_FOUND = Kind(
    "not_found",
    count_max=1,
    is_retried=False,
    advice="check the path, and that the endpoint takes this signal: /v1/traces and its like are "
    "appended to OTEL_EXPORTER_OTLP_ENDPOINT, and to the endpoint of one signal nothing is",
)
"""Whoever is there takes no telemetry at this path, or none of this signal.

It is dropped and counted.
"""

CONTENT = Kind("content", count_max=0, is_retried=False, advice="")
"""The body is refused, and not whoever sends it.

It is divided and each half judged again, so that only what is bad is dropped and counted.
"""

TOO_LARGE = Kind(
    "too_large",
    count_max=0,
    is_retried=False,
    advice="set OTEL_LAYER_REQUEST_SIZE to what the endpoint takes",
)
"""The body is larger than the endpoint takes.

It is divided and each half sent again; what cannot be divided is dropped and counted.
"""

ANSWER = Kind(
    "answer",
    count_max=3,
    is_retried=False,
    advice="check that the endpoint is one of OTLP, and the port: by custom 4318 for HTTP and "
    "4317 for gRPC",
)
"""Any other status, or what is no answer of the protocol.

It is dropped and counted, unless the specification lets it be sent again after this status, \
or there was none: then it is kept for the next export.
"""

SECRET = Kind(
    "secret",
    count_max=1,
    is_retried=False,
    advice="check that the function's role may read the secret or sign the request, and that the "
    "function has a way to AWS",
)
"""A secret, or the credentials to sign with, cannot be had: there was nothing to send.

It is kept for the next export.
"""

PROXY = Kind(
    "proxy",
    count_max=1,
    is_retried=False,
    advice="check HTTPS_PROXY and NO_PROXY, or the exporter's proxy_url",
)
"""The proxy on the way cannot be reached, does not answer, or refuses.

It is kept for the next export.
"""

LOCAL = Kind("local", count_max=3, is_retried=False, advice="")
"""Nothing remote: a file that cannot be written, no thread to be had, a fault of ours.

It is kept for the next export.
"""

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

"""The handler's event: what triggered the function, whose trace it continues, who reads its result.

An event is whatever JSON the caller sent: any type is possible, any field may be missing
or of another type.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Carrier = dict[str, "str | list[str]"]
"""Propagation fields, named as their propagator names them; several values of one field as a
list."""


def trigger(event: object) -> str | None:
    """Return the ``faas.trigger`` of an event whose shape leaves no doubt.

    Sources: the proxy event formats of API Gateway (REST, HTTP), of function URLs and of
    Application Load Balancers in the AWS documentation.
    """
    if not isinstance(event, Mapping):
        return None
    request = event.get("requestContext")
    if not isinstance(request, Mapping):
        return None
    if "httpMethod" in event or isinstance(request.get("http"), Mapping):
        return "http"
    return None


HTTP_RESPONSE = "HTTP response"
"""The result is made an answer to somebody's HTTP request: it may have a ``statusCode``."""

BATCH_RESPONSE = "batch response"
"""The result says which records to deliver again: it may have ``batchItemFailures``."""

_REPORTING_SOURCES = ("aws:sqs", "aws:kinesis", "aws:dynamodb")
"""Sources of batches that read the result, if their mapping has ``ReportBatchItemFailures``."""


def response_format(event: object) -> str | None:
    """Return by which format the result will be read; None where nobody is known to read it.

    Sources: as in ``trigger``, and the pages on partial batch responses of SQS, Kinesis and
    DynamoDB in the AWS documentation.
    """
    if trigger(event) == "http":
        return HTTP_RESPONSE
    records = event.get("Records") if isinstance(event, Mapping) else None
    # A batch has one source: the first record speaks for all.
    first = records[0] if isinstance(records, list) and records else None
    if isinstance(first, Mapping) and first.get("eventSource") in _REPORTING_SOURCES:
        return BATCH_RESPONSE
    return None


def carrier(event: object, contexts: Collection[object], fields: Collection[str]) -> Carrier:
    """Find the propagation fields that came with an invocation.

    The headers of the event come first, then what the caller put into the invocation's
    context. Only one source is used: a ``tracestate`` belongs to its ``traceparent``. The two
    kinds of headers of one request are one source.

    Args:
        event: The handler's event.
        contexts: Other mappings that may hold the fields, in order of precedence.
        fields: The names that are looked for, in any case, as propagators spell them.
    """
    spellings: dict[str, list[str]] = {}
    for field in fields:
        spellings.setdefault(field.lower(), []).append(field)
    if isinstance(event, Mapping):
        # With multi-value headers on, a load balancer sends no ``headers`` at all.
        found = _picked(event.get("multiValueHeaders"), spellings)
        found.update(_picked(event.get("headers"), spellings))
        if found:
            return found
    for context in contexts:
        found = _picked(context, spellings)
        if found:
            return found
    return {}


def _picked(source: object, spellings: Mapping[str, Collection[str]]) -> Carrier:
    picked: Carrier = {}
    if not isinstance(source, Mapping):
        return picked
    for name, value in source.items():
        if not isinstance(name, str) or name.lower() not in spellings:
            continue
        values = value if isinstance(value, list) else [value]
        if values and all(isinstance(one, str) for one in values):
            for spelling in spellings[name.lower()]:
                picked[spelling] = value
    return picked

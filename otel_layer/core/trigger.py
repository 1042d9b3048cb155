"""The handler's event: what triggered the function, and whose trace it continues.

An event is whatever JSON the caller sent: any type is possible, any field may be missing
or of another type.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Carrier = dict[str, "str | list[str]"]
"""Propagation fields, names in lower case; several values of one field as a list."""


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


def carrier(event: object, contexts: Collection[object], fields: Collection[str]) -> Carrier:
    """Find the propagation fields that came with an invocation.

    The headers of the event come first, then what the caller put into the invocation's
    context. Only one source is used: a ``tracestate`` belongs to its ``traceparent``.

    Args:
        event: The handler's event.
        contexts: Other mappings that may hold the fields, in order of precedence.
        fields: The names that are looked for, in lower case.
    """
    sources: list[object] = []
    if isinstance(event, Mapping):
        # With multi-value headers on, a load balancer sends no ``headers`` at all.
        sources += event.get("headers"), event.get("multiValueHeaders")
    for source in (*sources, *contexts):
        found = _picked(source, fields)
        if found:
            return found
    return {}


def _picked(source: object, fields: Collection[str]) -> Carrier:
    picked: Carrier = {}
    if not isinstance(source, Mapping):
        return picked
    for name, value in source.items():
        if not isinstance(name, str) or name.lower() not in fields:
            continue
        values = value if isinstance(value, list) else [value]
        if values and all(isinstance(one, str) for one in values):
            picked[name.lower()] = value
    return picked

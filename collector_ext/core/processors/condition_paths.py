"""What a condition can name: ``attributes["x"]``, ``span.status.code``, ``STATUS_CODE_ERROR``.

A path begins with the name of its context, or means the context that the condition is for.

Paths: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/pkg/ottl/contexts
"""

from __future__ import annotations

import struct

from collector_ext.core.processors.any_value import read, text
from collector_ext.core.processors.matching import SPAN_KINDS
from collector_ext.core.processors.otlp_edit import (
    Attributes,
    last_content,
    last_number,
    submessage,
)
from collector_ext.core.value import Value
from collector_ext.core.wire import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[["Scene"], object]

Context = str
RESOURCE, SCOPE, SPAN, SPANEVENT = "resource", "scope", "span", "spanevent"
METRIC, DATAPOINT, LOG = "metric", "datapoint", "log"
AROUND: dict[Context, tuple[Context, ...]] = {
    RESOURCE: (),
    SCOPE: (RESOURCE,),
    SPAN: (RESOURCE, SCOPE),
    SPANEVENT: (RESOURCE, SCOPE, SPAN),
    METRIC: (RESOURCE, SCOPE),
    DATAPOINT: (RESOURCE, SCOPE, METRIC),
    LOG: (RESOURCE, SCOPE),
}
"""Each context, and those that it is in, from the outermost inwards."""

_ALIASES = {"instrumentation_scope": SCOPE, "log_record": LOG}

_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_METRIC_TYPES = ("NONE", "GAUGE", "SUM", "HISTOGRAM", "EXPONENTIAL_HISTOGRAM", "SUMMARY")
_DATA_FIELDS = {5: 1, 7: 2, 9: 3, 10: 4, 11: 5}  # field of a metric: its type in ENUMS

ENUMS = {
    **{f"STATUS_CODE_{name}": code for code, name in enumerate(("UNSET", "OK", "ERROR"))},
    **{name: number for number, name in enumerate(SPAN_KINDS)},
    **{f"METRIC_DATA_TYPE_{name}": number for number, name in enumerate(_METRIC_TYPES)},
    "SEVERITY_NUMBER_UNSPECIFIED": 0,
    **{
        f"SEVERITY_NUMBER_{name}{step if step > 1 else ''}": 4 * at + step
        for at, name in enumerate(_SEVERITIES)
        for step in range(1, 5)
    },
}


class Scene(Value):
    """What a condition is about: the message of each context, serialised."""

    messages: dict[Context, bytes]
    point_attributes: int  # the number of the field in which a data point has them


class Path(Value):
    """Where a value is."""

    context: Context
    read: Reader


def path(names: list[str], indexes: list[str | int], context: Context) -> Path:
    """Return the path of these names, as a condition for ``context`` writes them.

    Raises:
        ValueError: There is nothing of that name.
    """
    first = _ALIASES.get(names[0], names[0])
    where, rest = (first, names[1:]) if first in AROUND else (context, names)
    name = ".".join(rest)
    make = _PATHS[where].get(name) if where else None
    if make is None:
        known = "" if where else ", which has to begin with its context,"
        message = f"there is no {'.'.join(names)}{known} here"
        raise ValueError(message)
    return Path(where, _indexed(make(where), indexes))


def _indexed(reader: Reader, indexes: list[str | int]) -> Reader:
    def indexed(scene: Scene) -> object:
        value = reader(scene)
        for index in indexes:
            value = _at(value, index)
        return value

    return indexed if indexes else reader


def _at(value: object, index: str | int) -> object:
    if isinstance(value, dict):
        return value.get(index)
    if isinstance(value, Attributes) and isinstance(index, str):
        return value.value(index)
    if isinstance(value, list) and isinstance(index, int) and 0 <= index < len(value):
        return value[index]
    return None


def _text(number: int) -> Callable[[Context], Reader]:
    return lambda where: lambda scene: text(last_content(scene.messages[where], number))


def _number(number: int) -> Callable[[Context], Reader]:
    return lambda where: lambda scene: last_number(scene.messages[where], number)


def _hex(number: int) -> Callable[[Context], Reader]:
    """Of an id; no text for one that is all zeros, which is none."""

    def make(where: Context) -> Reader:
        def reader(scene: Scene) -> str:
            return hex_id(last_content(scene.messages[where], number))

        return reader

    return make


def hex_id(id_: bytes) -> str:
    """Return an id as text; empty for one that is all zeros, which is none."""
    return id_.hex() if any(id_) else ""


def _attributes(number: int) -> Callable[[Context], Reader]:
    return lambda where: lambda scene: Attributes(scene.messages[where], number)


def _point_attributes(where: Context) -> Reader:
    return lambda scene: Attributes(scene.messages[where], scene.point_attributes)


def _value(number: int) -> Callable[[Context], Reader]:
    return lambda where: lambda scene: read(submessage(scene.messages[where], number))


def _status(number: int) -> Callable[[Context], Reader]:
    def make(where: Context) -> Reader:
        if number == _STATUS_CODE:
            return lambda scene: last_number(submessage(scene.messages[where], _STATUS), number)
        return lambda scene: text(last_content(submessage(scene.messages[where], _STATUS), number))

    return make


_STATUS, _STATUS_MESSAGE, _STATUS_CODE = 15, 2, 3


def _metric_type(where: Context) -> Reader:
    def reader(scene: Scene) -> int:
        metric = scene.messages[where]
        types = [_DATA_FIELDS.get(part.number, 0) for part in fields(metric, 0, len(metric))]
        return max(types, default=0)

    return reader


def _double(number: int) -> Callable[[Context], Reader]:
    def make(where: Context) -> Reader:
        def reader(scene: Scene) -> object:
            bits = last_number(scene.messages[where], number)
            return struct.unpack("<d", struct.pack("<Q", bits))[0]

        return reader

    return make


def _signed(number: int) -> Callable[[Context], Reader]:
    def make(where: Context) -> Reader:
        def reader(scene: Scene) -> int:
            found = last_number(scene.messages[where], number)
            return found - (1 << 64) if found >> 63 else found

        return reader

    return make


_PATHS: dict[Context, dict[str, Callable[[Context], Reader]]] = {
    RESOURCE: {"attributes": _attributes(1), "dropped_attributes_count": _number(2)},
    SCOPE: {"name": _text(1), "version": _text(2), "attributes": _attributes(3)},
    SPAN: {
        "trace_id": _hex(1),
        "trace_id.string": _hex(1),
        "span_id": _hex(2),
        "span_id.string": _hex(2),
        "trace_state": _text(3),
        "parent_span_id": _hex(4),
        "parent_span_id.string": _hex(4),
        "name": _text(5),
        "kind": _number(6),
        "start_time_unix_nano": _number(7),
        "end_time_unix_nano": _number(8),
        "attributes": _attributes(9),
        "status.message": _status(_STATUS_MESSAGE),
        "status.code": _status(_STATUS_CODE),
    },
    SPANEVENT: {"time_unix_nano": _number(1), "name": _text(2), "attributes": _attributes(3)},
    METRIC: {
        "name": _text(1),
        "description": _text(2),
        "unit": _text(3),
        "type": _metric_type,
    },
    DATAPOINT: {
        "attributes": _point_attributes,
        "start_time_unix_nano": _number(2),
        "time_unix_nano": _number(3),
        "value_double": _double(4),
        "value_int": _signed(6),
    },
    LOG: {
        "time_unix_nano": _number(1),
        "severity_number": _number(2),
        "severity_text": _text(3),
        "body": _value(5),
        "attributes": _attributes(6),
        "trace_id": _hex(9),
        "trace_id.string": _hex(9),
        "span_id": _hex(10),
        "span_id.string": _hex(10),
        "observed_time_unix_nano": _number(11),
        "event_name": _text(12),
    },
}

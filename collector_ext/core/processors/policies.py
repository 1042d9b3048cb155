"""The policies of ``tail_sampling``: what each says of a trace.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/tailsamplingprocessor
"""

from __future__ import annotations

import math

from collector_ext.core.config.kinds import (
    ANYTHING,
    FLAG,
    INTEGER,
    NUMBER,
    TEXT,
    TEXTS,
    Key,
)
from collector_ext.core.otlp import TRACES
from collector_ext.core.processors import patterns
from collector_ext.core.processors.any_value import text
from collector_ext.core.processors.condition import understood
from collector_ext.core.processors.condition_paths import (
    RESOURCE,
    SCOPE,
    SPAN,
    SPANEVENT,
    Scene,
    path,
)
from collector_ext.core.processors.otlp_edit import (
    ITEM_ATTRIBUTES,
    RESOURCE_ATTRIBUTES,
    SPAN_EVENTS,
    Attributes,
    last_content,
    last_number,
)
from collector_ext.core.processors.patterns import PATTERNS
from collector_ext.core.processors.probability import fnv64
from collector_ext.core.value import Value
from collector_ext.core.wire import LENGTH_DELIMITED, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from collector_ext.core.config.section import Section
    from collector_ext.core.processors.condition_paths import Context

SAMPLED, NOT_SAMPLED, DROPPED = "sampled", "not sampled", "dropped"
INVERT_SAMPLED, INVERT_NOT_SAMPLED = "inverted sampled", "inverted not sampled"

COLD_START = "faas.coldstart"
"""Of the root span of the first invocation of an environment. Source:
https://opentelemetry.io/docs/specs/semconv/registry/attributes/faas/"""

_TRACE_STATE, _START, _END = 3, 7, 8
_NS_PER_MS = 1_000_000
_STATUS_CODES = ("UNSET", "OK", "ERROR")
_HASH_SALT = "default-hash-seed"  # upstream's own, so that both keep the same traces
_UINT64_MAX = (1 << 64) - 1


class Trace(Value):
    """The spans of one trace that are here, each with its resource; serialised."""

    id: bytes
    spans: tuple[tuple[bytes, bytes], ...]


if TYPE_CHECKING:
    Policy = Callable[[Trace], str]
    Test = Callable[[Trace], bool]

_INVERT = Key("invert_match", FLAG, default=False, meaning="drop what matches, keep the rest")
_LATENCY_KEYS = (
    Key("threshold_ms", INTEGER, 0, "milliseconds from the earliest start to the latest end"),
    Key("upper_threshold_ms", INTEGER, 0, "no more than these; 0 for any"),
)
_NUMERIC_KEYS = (
    Key("key", TEXT, "", "an attribute of a span or its resource"),
    Key("min_value", NUMBER, None, "at least"),
    Key("max_value", NUMBER, None, "at most"),
    _INVERT,
)
_PROBABILISTIC_KEYS = (
    Key("sampling_percentage", NUMBER, 0.0, "how much is kept, by a hash of the trace id"),
    Key("hash_salt", TEXT, _HASH_SALT, "alike for all who are to keep the same traces"),
)
_STATUS_KEYS = (Key("status_codes", TEXTS, (), "of ERROR, OK and UNSET; one span will do"),)
_STRING_KEYS = (
    Key("key", TEXT, "", "an attribute of a span or its resource"),
    Key("values", PATTERNS, (), "its values, one of them"),
    Key("enabled_regex_matching", FLAG, default=False, meaning="whether they are expressions"),
    Key("cache_max_size", ANYTHING, None, "without effect: nothing is cached"),
    _INVERT,
)
_BOOLEAN_KEYS = (
    Key("key", TEXT, "", "an attribute of a span or its resource"),
    Key("value", FLAG, default=False, meaning="its value"),
    _INVERT,
)
_COUNT_KEYS = (
    Key("min_spans", INTEGER, 0, "at least"),
    Key("max_spans", INTEGER, 0, "at most; 0 for any"),
)
_CONDITION_KEYS = (
    Key("error_mode", TEXT, "", "without effect: what cannot be evaluated is not met"),
    Key(SPAN, PATTERNS, (), "conditions; one span that meets one will do"),
    Key(SPANEVENT, PATTERNS, (), "conditions; one event of a span will do"),
)
_STATE_KEYS = (
    Key("key", TEXT, "", "a member of the tracestate of a span"),
    Key("values", TEXTS, (), "its values, one of them"),
)


def _always(_section: Section, _values: dict[str, Any]) -> Policy:
    return lambda _trace: SAMPLED


def _latency(_section: Section, values: dict[str, Any]) -> Policy:
    least, most = values["threshold_ms"], values["upper_threshold_ms"]

    def is_slow(trace: Trace) -> bool:
        duration_ms = _duration_ms(trace)
        return bool(least < duration_ms <= most if most else duration_ms >= least)

    return _plain(is_slow)


def _duration_ms(trace: Trace) -> int:
    starts = [last_number(span, _START) for _, span in trace.spans]
    ends = [last_number(span, _END) for _, span in trace.spans]
    return max(max(ends) - min(starts), 0) // _NS_PER_MS


def _probabilistic(_section: Section, values: dict[str, Any]) -> Policy:
    salt = values["hash_salt"].encode()
    share = min(max(values["sampling_percentage"], 0), 100) / 100
    limit = _UINT64_MAX if share == 1 else int(share * _UINT64_MAX)
    return _plain(lambda trace: fnv64(salt + trace.id) <= limit)


def _status_code(section: Section, values: dict[str, Any]) -> Policy | None:
    wanted = {_STATUS_CODES.index(c) for c in values["status_codes"] if c in _STATUS_CODES}
    if len(wanted) < len(set(values["status_codes"])) or not wanted:
        section.complain("is not of ERROR, OK and UNSET alone", "status_codes")
    if not wanted:
        return None
    status = path(["status", "code"], [], SPAN).read
    return _plain(
        lambda trace: any(status(Scene({SPAN: span}, 0)) in wanted for _, span in trace.spans)
    )


def _string(section: Section, values: dict[str, Any]) -> Policy:
    wanted = values["values"]
    is_wanted: Callable[[str], bool] = wanted.__contains__
    if values["enabled_regex_matching"]:
        compiled = patterns.read_all(section, "values", wanted)
        is_wanted = lambda found: patterns.is_found(compiled, found)  # noqa: E731
    return _attribute(values, lambda v: isinstance(v, str) and v != "" and is_wanted(v))


def _numeric(_section: Section, values: dict[str, Any]) -> Policy:
    least = -math.inf if values["min_value"] is None else values["min_value"]
    most = math.inf if values["max_value"] is None else values["max_value"]
    return _attribute(
        values,
        lambda v: isinstance(v, (int, float)) and not isinstance(v, bool) and least <= v <= most,
    )


def _boolean(_section: Section, values: dict[str, Any]) -> Policy:
    return _attribute(values, lambda v: v is values["value"])


def _cold_start(_section: Section, _values: dict[str, Any]) -> Policy:
    return _attribute({"key": COLD_START, "invert_match": False}, lambda v: v is True)


def _span_count(_section: Section, values: dict[str, Any]) -> Policy:
    least, most = values["min_spans"], values["max_spans"] or _UINT64_MAX
    return _plain(lambda trace: least <= len(trace.spans) <= most)


def _trace_state(_section: Section, values: dict[str, Any]) -> Policy:
    wanted = {f"{values['key']}={value}" for value in values["values"]}
    return _plain(
        lambda trace: any(
            member.strip() in wanted
            for _, span in trace.spans
            for member in text(last_content(span, _TRACE_STATE)).split(",")
        )
    )


def _ottl_condition(section: Section, values: dict[str, Any]) -> Policy | None:
    contexts: tuple[Context, ...] = (SPAN, SPANEVENT)
    conditions = [
        found
        for context in contexts
        for source in values[context]
        for found in understood(section, context, source, context, (context,))
    ]
    if not conditions:
        return None
    return _plain(
        lambda trace: any(
            found.is_met(scene)
            for found in conditions
            for resource, span in trace.spans
            for scene in _scenes(found.context, resource, span)
        )
    )


def _scenes(context: str, resource: bytes, span: bytes) -> list[Scene]:
    messages = {RESOURCE: resource, SCOPE: b"", SPAN: span}
    if context == SPAN:
        return [Scene(messages, 0)]
    return [
        Scene({**messages, SPANEVENT: span[part.value_at : part.end]}, 0)
        for part in fields(span, 0, len(span))
        if part.number == SPAN_EVENTS and part.wire_type == LENGTH_DELIMITED
    ]


def _plain(test: Test) -> Policy:
    return lambda trace: SAMPLED if test(trace) else NOT_SAMPLED


def _attribute(values: dict[str, Any], test: Callable[[object], bool]) -> Policy:
    """Of a span or of its resource."""
    key = values["key"]

    def matches(trace: Trace) -> bool:
        return any(
            test(Attributes(message, number).value(key))
            for resource, span in trace.spans
            for message, number in (
                (resource, RESOURCE_ATTRIBUTES),
                (span, ITEM_ATTRIBUTES[TRACES]),
            )
        )

    if not values["invert_match"]:
        return _plain(matches)
    return lambda trace: INVERT_NOT_SAMPLED if matches(trace) else INVERT_SAMPLED


SIMPLE: dict[str, tuple[tuple[Key, ...], Callable[[Section, dict[str, Any]], Policy | None]]] = {
    "always_sample": ((), _always),
    "latency": (_LATENCY_KEYS, _latency),
    "numeric_attribute": (_NUMERIC_KEYS, _numeric),
    "probabilistic": (_PROBABILISTIC_KEYS, _probabilistic),
    "status_code": (_STATUS_KEYS, _status_code),
    "string_attribute": (_STRING_KEYS, _string),
    "boolean_attribute": (_BOOLEAN_KEYS, _boolean),
    "span_count": (_COUNT_KEYS, _span_count),
    "trace_state": (_STATE_KEYS, _trace_state),
    "ottl_condition": (_CONDITION_KEYS, _ottl_condition),
    "cold_start": ((), _cold_start),
}
"""The policies that hold no others, by type: their keys, and how they are read."""

"""Which items a processor is for: ``include`` and ``exclude`` of the Collector's older processors.

All properties that are given have to match, each by one of its entries.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/attributesprocessor
"""

from __future__ import annotations

from collector_ext.core.config.kinds import ANYTHING, TEXT, Key, ignored, mappings, one_of
from collector_ext.core.config.node import Node
from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.processors import patterns
from collector_ext.core.processors.actions import plain
from collector_ext.core.processors.any_value import as_text, read, text
from collector_ext.core.processors.otlp_edit import (
    ITEM_ATTRIBUTES,
    RESOURCE_ATTRIBUTES,
    Attributes,
    last_content,
    last_number,
    submessage,
)
from collector_ext.core.processors.patterns import PATTERNS
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from collector_ext.core.config.section import Section
    from collector_ext.core.otlp import Signal

_ATTRIBUTE_KEYS = (
    Key("key", TEXT, "", "the attribute"),
    Key("value", ANYTHING, None, "its value, or an expression; without it the key is enough"),
)
_LIBRARY_KEYS = (
    Key("name", TEXT, "", "of the instrumentation scope"),
    Key("version", TEXT, None, "of it; any without"),
)
MATCH_KEYS = (
    Key("match_type", one_of("strict", "regexp"), "", "how texts are compared; required"),
    ignored("regexp", "expressions need no cache here"),
    Key("services", PATTERNS, (), "values of service.name"),
    Key("span_names", PATTERNS, (), "names of spans"),
    Key("span_kinds", PATTERNS, (), "kinds of spans, as SPAN_KIND_SERVER"),
    Key("metric_names", PATTERNS, (), "names of metrics"),
    Key("log_bodies", PATTERNS, (), "bodies of log records that are text"),
    Key("log_severity_texts", PATTERNS, (), "severities of log records"),
    Key(
        "attributes", mappings(_ATTRIBUTE_KEYS), (), "of the span or log record; all have to match"
    ),
    Key("resources", mappings(_ATTRIBUTE_KEYS), (), "attributes of the resource"),
    Key("libraries", mappings(_LIBRARY_KEYS), (), "instrumentation scopes"),
)

SPAN_KINDS = tuple(
    f"SPAN_KIND_{name}"
    for name in ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
)
_SPAN_NAME, _SPAN_KIND = 5, 6
_METRIC_NAME = 1
_LOG_SEVERITY, _LOG_BODY = 3, 5


class Item(Value):
    """A span, metric or log record, and where it is from; serialised."""

    signal: Signal
    resource: bytes
    scope: bytes
    content: bytes


if TYPE_CHECKING:
    Match = Callable[[Item], bool]


def read_match(section: Section | None) -> Match | None:
    """Return what ``include`` or ``exclude`` says; ``None`` if it says nothing of use."""
    if section is None:
        return None
    values = section.read(MATCH_KEYS)
    if not values["match_type"]:
        section.complain("has no match_type; it is ignored")
        return None
    is_strict = values["match_type"] == "strict"
    tests: list[Match] = [
        _texts(reader, _comparison(section, name, values[name], is_strict=is_strict))
        for name, reader in _READERS.items()
        if values[name]
    ]
    tests += [_attribute(one, is_strict=is_strict) for one in values["attributes"]]
    resources = [_resource(one, is_strict=is_strict) for one in values["resources"]]
    libraries = [_library(one, is_strict=is_strict) for one in values["libraries"]]
    tests += [_any_of(group) for group in (resources, libraries) if group]
    if not tests:
        section.complain("has nothing to match; it is ignored")
        return None
    return lambda item: all(test(item) for test in tests)


def _comparison(
    section: Section, name: str, wanted: tuple[str, ...], *, is_strict: bool
) -> Callable[[str], bool]:
    if is_strict:
        return lambda found: found in wanted
    compiled = patterns.read_all(section, name, wanted)
    return lambda found: patterns.is_found(compiled, found)


def _texts(reader: Callable[[Item], str | None], is_wanted: Callable[[str], bool]) -> Match:
    def test(item: Item) -> bool:
        found = reader(item)
        return found is not None and is_wanted(found)

    return test


def _any_of(tests: list[Match]) -> Match:
    return lambda item: any(test(item) for test in tests)


def _attribute(section: Section, *, is_strict: bool) -> Match:
    test = _pair(section, is_strict=is_strict)

    def match(item: Item) -> bool:
        number = ITEM_ATTRIBUTES.get(item.signal)
        return number is not None and test(Attributes(item.content, number))

    return match


def _resource(section: Section, *, is_strict: bool) -> Match:
    test = _pair(section, is_strict=is_strict)
    return lambda item: test(Attributes(item.resource, RESOURCE_ATTRIBUTES))


def _pair(section: Section, *, is_strict: bool) -> Callable[[Attributes], bool]:
    values = section.read(_ATTRIBUTE_KEYS)
    key, node = values["key"], values["value"]
    if not isinstance(node, Node):
        return lambda attributes: attributes.get(key) is not None
    wanted = plain(node)
    if is_strict:
        # Of the same type: 1 is not true, in a configuration.
        return lambda attributes: (
            type(attributes.value(key)) is type(wanted) and attributes.value(key) == wanted
        )
    is_wanted = _comparison(section, "value", (as_text(wanted),), is_strict=False)
    return lambda attributes: (
        attributes.get(key) is not None and is_wanted(as_text(attributes.value(key)))
    )


def _library(section: Section, *, is_strict: bool) -> Match:
    values = section.read(_LIBRARY_KEYS)
    tests = [
        (number, _comparison(section, name, (values[name],), is_strict=is_strict))
        for number, name in enumerate(("name", "version"), start=1)
        if values[name] is not None
    ]
    return lambda item: all(test(text(last_content(item.scope, at))) for at, test in tests)


def _service(item: Item) -> str | None:
    name = Attributes(item.resource, RESOURCE_ATTRIBUTES).value("service.name")
    return name if isinstance(name, str) else None


def _text_at(signal: Signal, number: int) -> Callable[[Item], str | None]:
    return lambda item: text(last_content(item.content, number)) if item.signal == signal else None


def _span_kind(item: Item) -> str | None:
    kind = last_number(item.content, _SPAN_KIND)
    return SPAN_KINDS[kind] if item.signal == TRACES and kind < len(SPAN_KINDS) else None


def _log_body(item: Item) -> str | None:
    body = read(submessage(item.content, _LOG_BODY)) if item.signal == LOGS else None
    return body if isinstance(body, str) else None


_READERS: dict[str, Callable[[Item], str | None]] = {
    "services": _service,
    "span_names": _text_at(TRACES, _SPAN_NAME),
    "span_kinds": _span_kind,
    "metric_names": _text_at(METRICS, _METRIC_NAME),
    "log_bodies": _log_body,
    "log_severity_texts": _text_at(LOGS, _LOG_SEVERITY),
}

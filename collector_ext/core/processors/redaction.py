"""The processor ``redaction``: keep the attributes that are allowed, mask what must not be seen.

It looks at resources, scopes, spans and their events, data points, log records and the bodies
of those. The links of spans stay as they are, as with the Collector.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/redactionprocessor
"""

from __future__ import annotations

from collector_ext.core.config.kinds import FLAG, TEXTS, Key, ignored, one_of
from collector_ext.core.otlp import LOGS, TRACES
from collector_ext.core.processors.any_value import as_text, field, write
from collector_ext.core.processors.any_value import read as read_value
from collector_ext.core.processors.otlp_edit import (
    EVENT_ATTRIBUTES,
    ITEM_ATTRIBUTES,
    SPAN_EVENTS,
    Attributes,
    edit_item_attributes,
    edit_items,
    edit_messages,
    edit_resource_attributes,
    edit_scope_attributes,
    edited_attributes,
    submessage,
    without_field,
)
from collector_ext.core.processors.patterns import PATTERNS, TEXT_CHARS_MAX, is_found, read_all
from collector_ext.core.wire import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any

    from collector_ext.core.config.section import Section
    from collector_ext.core.otlp import Signal

_HASHES = ("md5", "sha1", "sha3")
_UNSUPPORTED = "not supported: such values go on as they are"
KEYS = (
    Key("allow_all_keys", FLAG, default=False, meaning="whether all attributes are kept"),
    Key("allowed_keys", TEXTS, (), "the attributes that are kept, if not all are"),
    Key("ignored_keys", TEXTS, (), "attributes that are kept as they are"),
    Key("ignored_key_patterns", PATTERNS, (), "the same, by expressions"),
    Key("blocked_key_patterns", PATTERNS, (), "attributes whose values are masked"),
    Key("blocked_values", PATTERNS, (), "what is masked in values"),
    Key("allowed_values", PATTERNS, (), "values that are kept as they are"),
    Key(
        "redact_all_types",
        FLAG,
        default=False,
        meaning="whether other values are looked at as text",
    ),
    Key(
        "hash_function",
        one_of(*_HASHES),
        "",
        "what takes the place of what is masked; **** without: md5, sha1 or sha3 (256 bits)",
    ),
    Key(
        "summary",
        one_of("debug", "info", "silent"),
        "silent",
        "whether attributes say what was done: which keys and how many, how many, nothing",
    ),
    ignored("url_sanitizer", _UNSUPPORTED),
    ignored("db_sanitizer", _UNSUPPORTED),
)

_MASK = "****"
_ANYTHING = r"(?s).+"
_EVERYTHING_MASKED = "every value is masked"
_BODY = 5  # of a log record

_REDACTED, _MASKED, _ALLOWED, _IGNORED = "redacted", "masked", "allowed", "ignored"
_FATES = (_REDACTED, _MASKED, _ALLOWED, _IGNORED)
_PREFIX, _BODY_PREFIX = "redaction", "redaction.body"
_OWN_KEYS = {
    f"{prefix}.{fate}.{what}"
    for prefix in (_PREFIX, _BODY_PREFIX)
    for fate in _FATES
    for what in ("keys", "count")
}


def read(section: Section) -> RedactionProcessor:
    """Return the processor. An expression that cannot be used never lets more through."""
    values = section.read(KEYS)
    for name in ("blocked_key_patterns", "blocked_values"):
        found = read_all(section, name, values[name], _EVERYTHING_MASKED)
        missing = len(values[name]) - len(found)
        values[name] = found + read_all(section, name, (_ANYTHING,) * missing)
    for name in ("ignored_key_patterns", "allowed_values"):
        values[name] = read_all(section, name, values[name])
    return RedactionProcessor(values)


class _Summary:
    """What was done to the attributes of one message."""

    def __init__(self) -> None:
        self._keys: dict[str, list[str]] = {fate: [] for fate in _FATES}

    def note(self, fate: str, key: str) -> None:
        self._keys[fate].append(key)

    def write(self, attributes: Attributes, prefix: str, *, with_keys: bool) -> None:
        """Add it to what an earlier processor said."""
        for fate, keys in self._keys.items():
            if not keys:
                continue
            if with_keys and fate != _IGNORED:
                name = f"{prefix}.{fate}.keys"
                earlier = attributes.value(name)
                known = earlier.split(",") if isinstance(earlier, str) and earlier else []
                attributes.put(name, write(",".join(sorted([*keys, *known]))))
            name = f"{prefix}.{fate}.count"
            before = attributes.value(name)
            count = len(keys) + (before if type(before) is int else 0)
            attributes.put(name, write(count))


class RedactionProcessor:
    """Remove and mask attributes.

    Args:
        values: Of ``KEYS``, the patterns compiled.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._allows_all: bool = values["allow_all_keys"]
        self._allowed_keys = {*values["allowed_keys"], *_OWN_KEYS}
        self._ignored_keys = set(values["ignored_keys"])
        self._ignored: list[re.Pattern[str]] = values["ignored_key_patterns"]
        self._blocked_keys: list[re.Pattern[str]] = values["blocked_key_patterns"]
        self._blocked: list[re.Pattern[str]] = values["blocked_values"]
        self._allowed: list[re.Pattern[str]] = values["allowed_values"]
        self._is_for_all_types: bool = values["redact_all_types"]
        self._hash: str = values["hash_function"]
        self._summary: str = values["summary"]

    def process(self, signal: Signal, body: bytes) -> bytes:
        """Return the request with its attributes redacted."""
        body = edit_resource_attributes(body, self._redact)
        body = edit_scope_attributes(body, self._redact)

        def edit(_resource: bytes, _scope: bytes, item: bytes) -> bytes | None:
            edited = edit_item_attributes(signal, item, self._redact)
            if signal == LOGS and edited is not None:
                return self._redact_body(edited)
            if signal == TRACES and edited is not None:
                return edit_messages(edited, SPAN_EVENTS, self._redact_event, may_be_empty=True)
            return edited

        return edit_items(body, edit)

    def _redact_event(self, event: bytes) -> bytes:
        return edited_attributes(event, EVENT_ATTRIBUTES, self._redact)

    def _redact(self, attributes: Attributes) -> None:
        summary = _Summary()
        for key in attributes.names():
            fate = self._fate_of_key(key)
            if fate == _REDACTED:
                attributes.remove(key)
            elif fate != _IGNORED:
                fate, masked = self._fate_of_value(attributes, key, hides_all=fate == _MASKED)
                if fate == _MASKED:
                    attributes.put(key, write(masked))
            if fate:
                summary.note(fate, key)
        self._tell(summary, attributes, _PREFIX)

    def _fate_of_value(
        self, attributes: Attributes, key: str, *, hides_all: bool
    ) -> tuple[str, str]:
        try:
            value = attributes.value(key)
        except MalformedError:  # What cannot be looked at must not be seen.
            return _MASKED, _MASK
        return self._masked(value, hides_all=hides_all)

    def _tell(self, summary: _Summary, attributes: Attributes, prefix: str) -> None:
        if self._summary != "silent":
            summary.write(attributes, prefix, with_keys=self._summary == "debug")

    def _fate_of_key(self, key: str) -> str:
        if key in self._ignored_keys or is_found(self._ignored, key):
            return _IGNORED
        if not self._allows_all and key not in self._allowed_keys:
            return _REDACTED
        return _MASKED if is_found(self._blocked_keys, key) else ""

    def _masked(self, value: object, *, hides_all: bool, as_any: bool = False) -> tuple[str, str]:
        """Return what becomes of a value whose key is kept, and what it is then."""
        has_text = isinstance(value, str) or self._is_for_all_types or as_any
        text = as_text(value)
        if has_text and is_found(self._allowed, text):
            return _ALLOWED, text
        if hides_all:
            return _MASKED, self._mask(text)
        masked = self._mask_parts(text) if has_text else text
        return (_MASKED, masked) if masked != text else ("", text)

    def _mask_parts(self, text: str) -> str:
        if self._blocked and len(text) > TEXT_CHARS_MAX:
            return self._mask(text)  # What cannot be looked at whole must not be seen.
        for pattern in self._blocked:
            text = pattern.sub(lambda match: self._mask(match[0]), text)
        return text

    def _mask(self, text: str) -> str:
        if not self._hash:
            return _MASK
        import hashlib  # noqa: PLC0415 - only where values are hashed

        name = "sha3_256" if self._hash == "sha3" else self._hash
        content = text.encode("utf-8", "surrogateescape")
        return hashlib.new(name, content, usedforsecurity=False).hexdigest()

    def _redact_body(self, record: bytes) -> bytes:
        serialised = submessage(record, _BODY)
        if not serialised:
            return record
        body, summary = read_value(serialised), _Summary()
        redacted = self._redacted(body, "body", summary)
        if redacted is not body:
            record = without_field(record, _BODY) + field(_BODY, write(redacted))
        return edited_attributes(
            record,
            ITEM_ATTRIBUTES[LOGS],
            lambda attributes: self._tell(summary, attributes, _BODY_PREFIX),
        )

    def _redacted(self, value: object, place: str, summary: _Summary) -> object:
        """Return a value of a body as it is to be: the same object if nothing is done to it."""
        if isinstance(value, dict):
            return self._redacted_map(value, place, summary)
        if isinstance(value, list):
            found = [
                self._redacted(element, f"{place}.[{at}]", summary)
                for at, element in enumerate(value)
            ]
            return value if all(a is b for a, b in zip(found, value, strict=True)) else found
        fate, masked = self._masked(value, hides_all=False, as_any=True)
        if fate:
            summary.note(fate, place)
        return masked if fate == _MASKED else value

    def _redacted_map(
        self, members: dict[str, object], place: str, summary: _Summary
    ) -> dict[str, object]:
        kept: dict[str, object] = {}
        for key, member in members.items():
            at = key if place == "body" else f"{place}.{key}"
            fate = self._fate_of_key(key)
            if fate in {_REDACTED, _IGNORED, _MASKED}:
                summary.note(fate, at)
            if fate == _MASKED:
                kept[key] = self._mask(as_text(member))
            elif fate != _REDACTED:
                kept[key] = member if fate else self._redacted(member, at, summary)
        is_same = len(kept) == len(members) and all(kept[key] is members[key] for key in kept)
        return members if is_same else kept

"""The processor ``redaction``."""

from __future__ import annotations

import hashlib

import pytest

from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from collector_ext.core.processors import redaction
from collector_ext.core.processors.any_value import DEPTH_MAX, field, write
from collector_ext.core.processors.otlp_edit import (
    ITEM_ATTRIBUTES,
    edit_items,
    edited_attributes,
)
from collector_ext.core.processors.patterns import TEXT_CHARS_MAX
from tests.fakes.sections import processor_of, read_with
from tests.fakes.telemetry_requests import (
    attributes_in,
    gauge,
    items_in,
    parsed,
    plain,
    record,
    request,
    span,
)

CARD = "4[0-9]{12}(?:[0-9]{3})?"
ALL = {"allow_all_keys": True}
SECRETS = {**ALL, "blocked_values": ["secret"]}
SUMMARISED = {
    "allowed_keys": ["b", "a", "c", "ok"],
    "ignored_keys": ["i"],
    "blocked_values": ["x"],
    "allowed_values": ["^xok$"],
}
GIVEN = {"z": 1, "b": "x", "a": "x", "c": "xok", "i": "x", "ok": "y"}
THEN = {"b": "****", "a": "****", "c": "xok", "i": "x", "ok": "y"}


def after(given, **configuration):
    """The attributes of a span that had these."""
    processor = processor_of(redaction, configuration)
    body = processor.process(TRACES, request(TRACES, span(attributes=given)))
    return attributes_in(items_in(TRACES, body)[0].attributes)


def body_after(given, **configuration):
    """The body and the attributes of a log record that had this one."""
    body = processor_of(redaction, configuration).process(LOGS, request(LOGS, record(given)))
    (found,) = items_in(LOGS, body)
    return plain(found.body), attributes_in(found.attributes)


class TestKeys:
    """Only what is allowed is kept."""

    def test_that_are_not_allowed_are_removed(self):
        assert after({"a": 1, "b": 2}, allowed_keys=["a"]) == {"a": 1}

    def test_are_all_removed_if_none_is_allowed(self):
        assert after({"a": 1}) == {}

    def test_are_all_kept_if_that_is_wanted(self):
        assert after({"a": 1}, **ALL) == {"a": 1}

    @pytest.mark.parametrize("ignored", [{"ignored_keys": ["a"]}, {"ignored_key_patterns": ["^a"]}])
    def test_that_are_ignored_are_kept_as_they_are(self, ignored):
        assert after({"a": "x"}, blocked_values=["x"], **ignored) == {"a": "x"}

    def test_that_are_blocked_are_masked(self):
        given = {"my_token": "abc", "token_count": 7, "x": "y"}

        found = after(given, **ALL, blocked_key_patterns=["token"])

        assert found == {"my_token": "****", "token_count": "****", "x": "y"}

    def test_of_an_earlier_redaction_are_kept(self):
        assert after({"redaction.masked.count": 2}) == {"redaction.masked.count": 2}


class TestValues:
    """What must not be seen is masked, and nothing else."""

    def test_are_masked_where_they_match(self):
        found = after({"a": "card 4111111111111111 ok", "b": "x"}, **ALL, blocked_values=[CARD])

        assert found == {"a": "card **** ok", "b": "x"}

    def test_are_masked_by_each_expression(self):
        assert after({"a": "one two"}, **ALL, blocked_values=["one", "two"]) == {"a": "**** ****"}

    def test_that_are_allowed_are_kept(self):
        rules = {"blocked_values": ["company[.]com"], "allowed_values": [".+@company[.]com"]}

        found = after({"a": "me@company.com", "b": "company.com"}, **ALL, **rules)

        assert found == {"a": "me@company.com", "b": "****"}

    def test_that_are_no_text_are_looked_at_if_that_is_wanted(self):
        given = {"a": 4111111111111111, "b": 1}

        assert after(given, **ALL, blocked_values=[CARD]) == given
        assert after(given, **ALL, blocked_values=[CARD], redact_all_types=True) == {
            "a": "****",
            "b": 1,
        }

    def test_that_are_too_long_to_look_at_are_masked(self):
        found = after({"a": "x" * (TEXT_CHARS_MAX + 1)}, **ALL, blocked_values=["y"])

        assert found == {"a": "****"}

    def test_that_are_too_deep_to_look_at_are_masked(self):
        deep = write("y")
        for _ in range(DEPTH_MAX + 1):
            deep = field(5, field(1, deep))
        body = edit_items(
            request(TRACES, span()),
            lambda _resource, _scope, item: edited_attributes(
                item, ITEM_ATTRIBUTES[TRACES], lambda found: found.put("a", deep)
            ),
        )

        redacted = processor_of(redaction, {**ALL, "blocked_values": ["z"]}).process(TRACES, body)

        assert attributes_in(items_in(TRACES, redacted)[0].attributes) == {"a": "****"}

    @pytest.mark.parametrize(
        ("name", "of_python"), [("md5", "md5"), ("sha1", "sha1"), ("sha3", "sha3_256")]
    )
    def test_are_hashed_if_that_is_wanted(self, name, of_python):
        found = after(
            {"a": "x1", "token": "x"},
            **ALL,
            hash_function=name,
            blocked_values=["[0-9]"],
            blocked_key_patterns=["token"],
        )

        assert found == {
            "a": "x" + hashlib.new(of_python, b"1").hexdigest(),
            "token": hashlib.new(of_python, b"x").hexdigest(),
        }


class TestASummary:
    """It says what was done."""

    def test_is_silent_unless_it_is_wanted(self):
        assert after(GIVEN, **SUMMARISED) == THEN

    def test_has_counts(self):
        assert after(GIVEN, **SUMMARISED, summary="info") == {
            **THEN,
            "redaction.redacted.count": 1,
            "redaction.masked.count": 2,
            "redaction.allowed.count": 1,
            "redaction.ignored.count": 1,
        }

    def test_has_keys_in_order(self):
        assert after(GIVEN, **SUMMARISED, summary="debug") == {
            **THEN,
            "redaction.redacted.keys": "z",
            "redaction.redacted.count": 1,
            "redaction.masked.keys": "a,b",
            "redaction.masked.count": 2,
            "redaction.allowed.keys": "c",
            "redaction.allowed.count": 1,
            "redaction.ignored.count": 1,
        }

    def test_adds_to_an_earlier_one(self):
        given = {"b": "x", "redaction.masked.keys": "a", "redaction.masked.count": 1}

        found = after(given, **ALL, blocked_values=["x"], summary="debug")

        assert found == {"b": "****", "redaction.masked.keys": "a,b", "redaction.masked.count": 2}


class TestWhereItLooks:
    """Everywhere attributes are, but the links of spans."""

    def test_resources_scopes_spans_and_events(self):
        given = parsed(
            TRACES,
            request(
                TRACES,
                span(attributes={"a": "secret"}, events=[{"name": "e"}], links=[{}]),
                resource={"r": "secret"},
            ),
        )
        scoped = given.resource_spans[0].scope_spans[0]
        for place in (scoped.scope, scoped.spans[0].events[0], scoped.spans[0].links[0]):
            place.attributes.add(key="b").value.string_value = "secret"

        body = processor_of(redaction, SECRETS).process(TRACES, given.SerializeToString())

        text = str(parsed(TRACES, body))
        assert (text.count('"****"'), text.count('"secret"')) == (4, 1)

    def test_data_points(self):
        body = request(METRICS, gauge("m", {"a": "secret"}))

        found = processor_of(redaction, SECRETS).process(METRICS, body)

        (metric,) = items_in(METRICS, found)
        assert attributes_in(metric.gauge.data_points[0].attributes) == {"a": "****"}

    @pytest.mark.parametrize(
        ("body", "then"),
        [
            ("a secret", "a ****"),
            ("fine", "fine"),
            (7, 7),
            (["secret", {"k": "secret"}], ["****", {"k": "****"}]),
            ({"k": {"l": ["secret"]}, "m": 1}, {"k": {"l": ["****"]}, "m": 1}),
        ],
    )
    def test_bodies(self, body, then):
        assert body_after(body, **SECRETS) == (then, {})

    def test_keys_of_bodies(self):
        rules = {
            "allowed_keys": ["a", "t", "l"],
            "ignored_keys": ["i"],
            "blocked_key_patterns": ["^t$"],
        }
        given = {"a": 1, "z": 2, "t": "s", "i": {"z": 1}, "l": {"z": 1}}

        body, attributes = body_after(given, **rules, summary="debug")

        assert body == {"a": 1, "t": "****", "i": {"z": 1}, "l": {}}
        assert attributes == {
            "redaction.body.redacted.keys": "l.z,z",
            "redaction.body.redacted.count": 2,
            "redaction.body.masked.keys": "t",
            "redaction.body.masked.count": 1,
            "redaction.body.ignored.count": 1,
        }

    def test_nothing_to_do_keeps_the_bytes(self):
        body = request(LOGS, record({"a": [1, "x"]}, {"b": "c"}), record(None))

        assert processor_of(redaction, SECRETS).process(LOGS, body) == body

    @pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
    def test_what_cannot_be_walked_stays(self, signal):
        body = b"\x0a\x06\x12\x04\x12\x02\x0a\x09"

        assert processor_of(redaction, SECRETS).process(signal, body) == body


class TestAnExpressionThatCannotBeUsed:
    """It never lets more through."""

    def processor(self, **configuration):
        processor, complaints = read_with(redaction, {**ALL, **configuration})
        body = processor.process(TRACES, request(TRACES, span(attributes={"a": "x", "e": ""})))
        return attributes_in(items_in(TRACES, body)[0].attributes), complaints

    @pytest.mark.parametrize("name", ["blocked_values", "blocked_key_patterns"])
    def test_of_what_is_blocked_masks_everything(self, name):
        attributes, complaints = self.processor(**{name: ["(?=x)", "never"]})

        assert attributes["a"] == "****"
        (complaint,) = complaints
        assert complaint == (
            f"f:3: processors.x.{name} has '(?=x)', which cannot be used: RE2 has no (?=...); "
            "every value is masked"
        )

    @pytest.mark.parametrize("name", ["allowed_values", "ignored_key_patterns"])
    def test_of_what_is_allowed_allows_nothing(self, name):
        attributes, complaints = self.processor(blocked_values=["x"], **{name: ["("]})

        assert attributes["a"] == "****"
        assert complaints[0].endswith("; it is ignored")

    def test_of_sanitizers_it_is_said_that_there_are_none(self):
        processor, complaints = read_with(redaction, {"url_sanitizer": {"enabled": True}})

        assert processor is not None
        assert complaints == ()

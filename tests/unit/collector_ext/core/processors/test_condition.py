"""Conditions in OTTL's plain forms."""

from __future__ import annotations

import pytest

from collector_ext.core.processors.condition import compare, parse, understood
from collector_ext.core.processors.condition_paths import (
    DATAPOINT,
    LOG,
    METRIC,
    RESOURCE,
    SCOPE,
    SPAN,
    SPANEVENT,
    Scene,
)
from tests.fakes.sections import section_of
from tests.fakes.telemetry_requests import key_values, record, span

SPAN_MESSAGE = span(
    "GET /a",
    {"s": "x", "n": 1, "f": 1.5, "t": True, "m": {"k": ["a", {"z": 7}]}, "b": b"\1"},
    kind=2,
    status={"code": 2, "message": "no"},
    trace_state="a=1",
).SerializeToString()
SCENE = Scene({RESOURCE: b"", SCOPE: b"", SPAN: SPAN_MESSAGE}, 0)


def is_met(source, context=SPAN, scene=SCENE):
    return parse(source, context).is_met(scene)


class TestComparing:
    """Values of other types are unequal, and neither smaller nor larger."""

    @pytest.mark.parametrize(
        ("left", "sign", "right"),
        [
            (1, "==", 1.0),
            (1, "<", 1.5),
            (2.5, ">=", 2),
            ("a", "<", "b"),
            (True, ">", False),
            (b"a", "==", b"a"),
            (None, "==", None),
            (None, "<=", None),
            (None, "!=", 1),
            (1, "!=", None),
            ("1", "!=", 1),
            (True, "!=", 1),
            ([1], "==", [1]),
            ({"a": 1}, "!=", {"a": 2}),
        ],
    )
    def test_holds(self, left, sign, right):
        assert compare(left, sign, right)

    @pytest.mark.parametrize(
        ("left", "sign", "right"),
        [
            ("1", "==", 1),
            ("1", "<", 1),
            (True, "==", 1),
            (None, "==", 0),
            (None, "<", 1),
            (1, ">", None),
            (None, "!=", None),
            (None, "<", None),
            ([1], "<", [2]),
        ],
    )
    def test_does_not_hold(self, left, sign, right):
        assert not compare(left, sign, right)


class TestAConditionThatIsMet:
    """The forms that are understood."""

    @pytest.mark.parametrize(
        "source",
        [
            'attributes["s"] == "x"',
            'attributes["s"]!="y"',
            'span.attributes["n"] == 1',
            'attributes["n"] == 1.0',
            'attributes["n"] > -1',
            'attributes["f"] >= 1.5e0',
            'attributes["t"] == true',
            'attributes["z"] == nil',
            'attributes["s"] != nil',
            'nil == attributes["z"]',
            'attributes["m"]["k"][1]["z"] == 7',
            'attributes["m"]["k"][9] == nil',
            'attributes["m"]["k"][-1] == nil',
            'attributes["s"]["k"] == nil',
            'attributes["b"] == 0x01',
            'name == "GET /a"',
            "kind == SPAN_KIND_SERVER",
            "kind == 2",
            "status.code == STATUS_CODE_ERROR",
            'status.message == "no"',
            'trace_state == "a=1"',
            'resource.attributes["x"] == nil',
            'instrumentation_scope.name == ""',
            "trace_id == TraceID(0x000102030405060708090a0b0c0d0e0f)",
            'span_id.string == "0000000000000001"',
            "parent_span_id == SpanID(0x0000000000000000)",
            "end_time_unix_nano > start_time_unix_nano",
            "IsRootSpan()",
            'IsMatch(name, "^GET /.$")',
            'IsMatch(attributes["n"], "1")',
            'IsMatch(name, "\\\\Sa")',
            'IsMatch(name, "/\\w")',
            'HasPrefix(name, "GET")',
            'HasSuffix(name, "/a")',
            'name == "x" or name == "GET /a"',
            "true and not false",
            'not (name == "x" or name == "y")',
            "not not true",
            "false and false or true",
            "true or true and false",
            "(((true)))",
            '"a" == "a"',
            '"\\"" == "\\""',
            'IsMatch(name, "a") == true',
        ],
    )
    def test_is_understood(self, source):
        assert is_met(source)


class TestAConditionThatIsNotMet:
    """Neither is it by what is not there."""

    @pytest.mark.parametrize(
        "source",
        [
            'attributes["s"] == "y"',
            'attributes["s"] == nil',
            'attributes["z"] > 1',
            'attributes["n"] == "1"',
            'IsMatch(attributes["z"], ".*")',
            'HasPrefix(attributes["n"], "1")',
            'attributes["s"]',
            "(true or true) and false",
            "name",
        ],
    )
    def test_is_understood(self, source):
        assert not is_met(source)


class TestAConditionThatIsNotUnderstood:
    """It says what of it."""

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("", "it ends too early"),
            ("name ==", "it ends too early"),
            ('name == "x" name', "name is not expected"),
            ("name == 'x'", "\"'x'\" is not understood"),
            ('name = "x"', "'=' is not understood"),
            ("nome == 1", "there is no nome here"),
            ('attributes["x" == 1', "] is expected where == is"),
            ('(name == "x"', ") is expected where its end is"),
            ("attributes[1.5] == 1", "1.5 is no key"),
            ("attributes[true.x] == 1", "] is expected where . is"),
            ("name. == 1", "it ends too early"),
            ("Len(name) == 1", "there is no function Len of 1 arguments here"),
            ("IsMatch(name)", "there is no function IsMatch of 1 arguments here"),
            ("IsMatch(name, name)", "a pattern has to be a text"),
            ('IsMatch(name, "(")', "it is no regular expression"),
            ("IsMatch(name name)", ") is expected where name is"),
            ("name == 0x1", "0x1 is not expected"),
            ("name == )", ") is not expected"),
            ("(" * 60 + "true" + ")" * 60, "it is nested deeper than 50"),
            ("not " * 5000 + "true", "it is nested deeper than 50"),
            ("SpanID(" * 5000, "it is nested deeper than 50"),
            ('log.body == "x"', "a span is in no log"),
            ("datapoint.value_int == 1", "a datapoint is in no span"),
        ],
    )
    def test_is_said(self, source, why):
        with pytest.raises(ValueError, match=r"\S") as caught:
            parse(source, SPAN)

        assert why in str(caught.value)


class TestItsContext:
    """The innermost that it names decides what is dropped."""

    @pytest.mark.parametrize(
        ("source", "context"),
        [
            ('resource.attributes["a"] == 1', RESOURCE),
            ('scope.name == "a"', SCOPE),
            ('span.name == "a" and resource.attributes["a"] == 1', SPAN),
            ('spanevent.name == "a" and span.name == "a"', SPANEVENT),
            ('metric.name == "a"', METRIC),
            ('datapoint.attributes["a"] == 1 or metric.name == "a"', DATAPOINT),
            ('log.body == "a"', LOG),
            ("IsRootSpan()", SPAN),
            ("true", RESOURCE),
        ],
    )
    def test_is_the_innermost(self, source, context):
        assert parse(source, "").context == context

    def test_is_the_given_one_at_least(self):
        assert parse('resource.attributes["a"] == 1', SPAN).context == SPAN


class TestLogRecords:
    """Bodies may be text or have parts."""

    @pytest.mark.parametrize(
        ("body", "source"),
        [
            ("hi", 'body == "hi"'),
            ({"a": 1}, 'body["a"] == 1'),
            ({"a": 1}, 'IsMatch(body, "a")'),
            (None, "body == nil"),
            (1, "body == 1"),
        ],
    )
    def test_are_read(self, body, source):
        scene = Scene({LOG: record(body).SerializeToString()}, 0)

        assert is_met(source, LOG, scene)

    def test_attributes_are_read(self):
        message = record("x", {"a": 1}).SerializeToString()

        assert is_met('attributes["a"] == 1', LOG, Scene({LOG: message}, 0))
        assert key_values({}) == []


class TestAConditionOfADocument:
    """Is used, or quoted with the reason why not."""

    def test_is_understood(self):
        section = section_of({"span": ['name == "a"']})

        (found,) = understood(section, "span", 'name == "a"', SPAN, (SPAN,))

        assert (found.context, section.remarks.complaints) == (SPAN, ())

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            ("?", "is not understood: '?' is not understood"),
            ('spanevent.name == "e"', "is of a spanevent: there is none here"),
        ],
    )
    def test_is_ignored(self, source, why):
        section = section_of({"span": [source]})

        assert understood(section, "span", source, SPAN, (SPAN,)) == []
        assert section.remarks.complaints == (
            f"f:2: processors.x.span has {source!r}, which {why}; it is ignored",
        )

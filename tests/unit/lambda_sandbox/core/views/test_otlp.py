"""OTLP bodies and the values they become."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.views.otlp import (
    JSON,
    PROTOBUF,
    REQUESTS,
    MalformedError,
    TraceRequest,
    accepted,
    parse,
    refused,
    spans_of,
)
from lambda_sandbox.core.views.traces import Event, Link, Span

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "eee19b7ec3c1b174"
PARENT_ID = "eee19b7ec3c1b173"

# The example of the specification's repository (examples/trace.json), completed.
SPAN_JSON = {
    "traceId": TRACE_ID.upper(),
    "spanId": SPAN_ID,
    "parentSpanId": PARENT_ID,
    "traceState": "k=v",
    "flags": 0x301,
    "startTimeUnixNano": "1544712660000000000",
    "endTimeUnixNano": 1544712661000000000,
    "name": "I'm a server span",
    "kind": 2,
    "attributes": [
        {"key": "text", "value": {"stringValue": "ü"}},
        {"key": "whole", "value": {"intValue": "-7"}},
        {"key": "real", "value": {"doubleValue": 0.5}},
        {"key": "yes", "value": {"boolValue": True}},
        {"key": "bytes", "value": {"bytesValue": "AP8="}},
        {"key": "nothing", "value": {}},
        {"key": "list", "value": {"arrayValue": {"values": [{"intValue": 1}, {}]}}},
        {
            "key": "map",
            "value": {"kvlistValue": {"values": [{"key": "traceId", "value": {"intValue": 2}}]}},
        },
    ],
    "events": [{"timeUnixNano": "5", "name": "exception", "attributes": []}],
    "links": [{"traceId": TRACE_ID, "spanId": PARENT_ID}],
    "status": {"code": 2, "message": "boom"},
    "somethingNewer": {"a": 1},
}
REQUEST_JSON = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "s"}}]},
            "scopeSpans": [{"scope": {"name": "lib", "version": "1"}, "spans": [SPAN_JSON]}],
        }
    ]
}
SPAN = Span(
    trace_id=TRACE_ID,
    span_id=SPAN_ID,
    parent_span_id=PARENT_ID,
    name="I'm a server span",
    kind="SERVER",
    start_ns=1544712660000000000,
    end_ns=1544712661000000000,
    attributes={
        "text": "ü",
        "whole": -7,
        "real": 0.5,
        "yes": True,
        "bytes": "00ff",
        "nothing": None,
        "list": [1, None],
        "map": {"traceId": 2},
    },
    events=(Event("exception", 5),),
    links=(Link(TRACE_ID, PARENT_ID),),
    status_code="ERROR",
    status_message="boom",
    resource={"service.name": "s"},
    scope="lib",
    scope_version="1",
    trace_state="k=v",
    parent_is_remote=True,
)


BODY_JSON = json.dumps(REQUEST_JSON).encode()


def spans_in(content_type, body):
    """The spans of a request for traces."""
    message = parse("/v1/traces", content_type, body)
    assert isinstance(message, TraceRequest)
    return list(spans_of(message))


def sent(**fields):
    """A request with one span of these fields of protobuf, and the span."""
    message = TraceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add(**fields)
    return message, span


class TestASpan:
    """Everything that it carries is in its value, ids in lower-case hex."""

    def test_it_is_read_from_json(self):
        assert spans_in(JSON, BODY_JSON) == [SPAN]

    def test_it_is_read_from_protobuf(self):
        body = parse("/v1/traces", JSON, BODY_JSON).SerializeToString()

        assert spans_in(PROTOBUF, body) == [SPAN]

    def test_requests_that_were_joined_are_one_request(self):
        body = parse("/v1/traces", JSON, BODY_JSON).SerializeToString()

        assert spans_in(PROTOBUF, body + body) == [SPAN, SPAN]

    def test_an_empty_one_has_the_defaults(self):
        message, _ = sent()

        assert list(spans_of(message)) == [Span("", "", "", "", "UNSPECIFIED", 0, 0)]

    def test_a_kind_and_a_status_of_the_future_are_not_known(self):
        message, sent_span = sent(kind=17)
        sent_span.status.code = 17

        (span,) = spans_of(message)
        assert (span.kind, span.status_code) == ("UNSPECIFIED", "UNSET")

    @pytest.mark.parametrize("flags", [0, 0x100, 0x200])
    def test_a_parent_is_not_remote_unless_the_flags_say_both_bits(self, flags):
        message, _ = sent(flags=flags)

        (span,) = spans_of(message)
        assert not span.parent_is_remote


class TestTheSignals:
    """Each path has a message of its own."""

    @pytest.mark.parametrize("path", REQUESTS)
    def test_an_empty_body_is_an_empty_request(self, path):
        assert parse(path, PROTOBUF, b"") == REQUESTS[path]() == parse(path, JSON, b"{}")


class TestAMalformedBody:
    """It is the sender's fault, in a sentence."""

    @pytest.mark.parametrize("body", [b"\xff", b"\x0a\x05abc", b"{}"])
    def test_as_protobuf(self, body):
        with pytest.raises(MalformedError, match="the body is not an ExportTraceServiceRequest"):
            parse("/v1/traces", PROTOBUF, body)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\xff",
            b"[]",
            b"null",
            b'{"resourceSpans": 5}',
            b'{"resourceSpans": [5]}',
            b'{"resourceSpans": {"a": 1}}',
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}',
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": {}}]}]}]}',
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]}',
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": 1e400}]}]}]}',
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": -1}]}]}]}',
            b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"kind": 1e400}]}]}]}',
            b'{"resourceSpans": ["\\ud800"]}',
            b"[" * 100_000,
        ],
    )
    def test_as_json(self, body):
        with pytest.raises(MalformedError, match="the body is not an ExportTraceServiceRequest"):
            parse("/v1/traces", JSON, body)


class TestAnswers:
    """They are in the encoding of the request."""

    def test_an_accepted_request_is_answered_with_an_empty_response(self):
        assert (accepted(PROTOBUF), accepted(JSON)) == (b"", b"{}")

    def test_a_refused_one_with_a_status_in_json(self):
        assert json.loads(refused(JSON, "why")) == {"message": "why"}

    def test_a_refused_one_with_a_status_in_protobuf(self):
        # google.rpc.Status: field 2 is the message, a string.
        assert refused(PROTOBUF, "why") == b"\x12\x03why"

    def test_a_long_text_is_cut_between_two_characters(self):
        assert refused(PROTOBUF, "ü" * 80) == b"\x12\x7e" + ("ü" * 63).encode()

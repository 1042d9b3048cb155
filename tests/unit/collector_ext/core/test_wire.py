"""The wire format, checked against the real protobuf library."""

from __future__ import annotations

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # it has no stubs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as SpanStatus

from collector_ext.core import wire
from collector_ext.core.otlp import TRACES
from tests.fakes.telemetry_requests import request, span
from tests.fakes.trace_requests import export_request, span_id, spans_in

ROOT, CHILD, OTHER = span_id(1), span_id(2), span_id(3)
TWO = export_request(("root", ROOT), ("child", CHILD))


def in_resource_spans(*scope_spans):
    """A request with one ResourceSpans of these bytes."""
    content = b"".join(scope_spans)
    return bytes([0x0A, len(content)]) + content


class TestChecking:
    """What could harm its neighbours in a merged request is found."""

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            TWO,
            TWO + TWO,
            in_resource_spans(b"\x08\x01", b"\x11" + bytes(8), b"\x15" + bytes(4)),
        ],
        ids=["empty", "spans", "merged", "unknown fields"],
    )
    def test_whole_requests_pass(self, body):
        wire.check_export_request(body)

    @pytest.mark.parametrize(
        "body",
        [
            TWO[:-1],
            TWO + b"\x0a",
            b"\x12\x00",
            b"\x08\x01",
            b"\x0b\x00",
            b"\x02\x00",
            b"\xff" * 11,
            b"hello",
            in_resource_spans(b"\x12\x05"),
        ],
        ids=["cut", "open", "field 2", "varint", "group", "field 0", "endless", "text", "inside"],
    )
    def test_anything_else_does_not(self, body):
        with pytest.raises(wire.MalformedError):
            wire.check_export_request(body)


class TestContents:
    """Messages in a message are found by their places: nothing is copied."""

    def test_of_the_wanted_fields_are_found_in_their_order(self):
        data = b"\x0a\x01a" + b"\x12\x01b" + b"\x1a\x01c" + b"\x08\x05" + b"\x0a\x00"

        found = [data[at:end] for at, end in wire.contents(data, (1, 3), 0, len(data))]

        assert found == [b"a", b"c", b""]

    def test_of_a_part_are_found_where_they_are_in_the_whole(self):
        assert list(wire.contents(b"..\x0a\x01a..", (1,), 2, 5)) == [(4, 5)]

    @pytest.mark.parametrize("length", [0, 1, 127, 128, 16_383, 16_384, 70_000])
    def test_may_be_of_any_length(self, length):
        head = b"\x0a" + wire.varint(length)

        (found,) = wire.contents(head + bytes(length), (1,), 0, len(head) + length)

        assert found == (len(head), len(head) + length)

    def test_of_a_high_number_are_found_too(self):
        assert list(wire.contents(b"\x9a\x06\x01a", (99,), 0, 4)) == [(3, 4)]

    @pytest.mark.parametrize(
        "data", [b"\x0a", b"\x0a\x01", b"\x0a\x02a", b"\x0a\x03ab", b"\x0a\x80\x01a", b"\x02\x02ab"]
    )
    def test_have_to_be_whole(self, data):
        with pytest.raises(wire.MalformedError):
            list(wire.contents(data, (1,), 0, len(data)))

    def test_end_with_the_message_that_they_are_in(self):
        with pytest.raises(wire.MalformedError):
            list(wire.contents(b"\x0a\x02ab", (1,), 0, 3))


class TestFindingSpans:
    """Spans are known by their ids."""

    def test_all_ids_are_found_in_their_order(self):
        assert wire.span_ids(TWO + export_request(("other", OTHER))) == [ROOT, CHILD, OTHER]

    def test_a_span_without_an_id_has_an_empty_one(self):
        assert wire.span_ids(export_request(("nameless", b""))) == [b""]

    def test_a_span_is_held(self):
        assert wire.holds_span(TWO, CHILD)

    def test_a_parent_is_not_held_for_being_named(self):
        assert not wire.holds_span(export_request(("child", CHILD), parent=ROOT), ROOT)

    def test_nor_for_being_in_a_text(self):
        name = (b"\x12\x08" + b"ABCDEFGH").decode()

        assert not wire.holds_span(export_request((name, CHILD)), b"ABCDEFGH")

    def test_what_cannot_be_walked_holds_nothing(self):
        assert not wire.holds_span(in_resource_spans(b"\x12\x0a\x12\x08" + ROOT), ROOT)

    def test_the_start_is_that_of_the_first_span(self):
        assert wire.start_ns(TWO) == 1_000_000_000

    def test_there_may_be_no_start(self):
        span = Span(span_id=ROOT).SerializeToString()
        scope_spans = bytes([0x12, len(span)]) + span

        body = in_resource_spans(bytes([0x12, len(scope_spans)]) + scope_spans)

        assert (wire.start_ns(body), wire.start_ns(b"")) == (0, 0)


class TestRemovingSpans:
    """What was delivered is taken out, everything around it stays."""

    def test_the_others_stay_as_they_are(self):
        assert wire.without_spans(TWO, {CHILD}) == export_request(("root", ROOT))

    def test_none_of_them_is_there(self):
        assert wire.without_spans(TWO, {OTHER}) == TWO

    def test_what_becomes_empty_goes_with_them(self):
        body = export_request(("other", OTHER))

        assert wire.without_spans(TWO + body, {ROOT, CHILD}) == body
        assert wire.without_spans(TWO, {ROOT, CHILD}) == b""

    def test_what_cannot_be_walked_stays_as_it_is(self):
        body = in_resource_spans(b"\x12\x02\x12\x08")

        assert wire.without_spans(body, {ROOT}) == body


class TestEndingSpans:
    """A span that never ended is ended as an error."""

    OPEN = export_request(("root", ROOT), ("a long name " * 20, CHILD), is_open=True)

    def test_end_and_status_are_as_told(self):
        spans = spans_in(wire.end_spans(self.OPEN, end_ns=9_000_000_000, message="timeout"))

        said = [(s.end_time_unix_nano, s.status.code, s.status.message) for s in spans]
        assert said == [(9_000_000_000, 2, "timeout")] * 2

    def test_an_end_beyond_what_can_be_written_is_the_last_that_can(self):
        (span, _) = spans_in(wire.end_spans(self.OPEN, end_ns=2**70, message="timeout"))

        assert span.end_time_unix_nano == 2**64 - 1

    def test_everything_else_stays(self):
        (span, _) = spans_in(wire.end_spans(self.OPEN, end_ns=9_000_000_000, message="timeout"))
        span.ClearField("end_time_unix_nano")
        span.ClearField("status")

        assert span == spans_in(self.OPEN)[0]

    def test_what_was_set_before_is_overruled(self):
        (root, _) = spans_in(wire.end_spans(TWO, end_ns=9_000_000_000, message="late"))

        assert root.end_time_unix_nano == 9_000_000_000

    def test_a_span_that_knows_why_it_failed_says_it_itself(self):
        request = ExportTraceServiceRequest.FromString(self.OPEN)
        root, child = request.resource_spans[0].scope_spans[0].spans
        root.status.code, root.status.message = SpanStatus.STATUS_CODE_ERROR, "SystemExit: 3"
        child.status.code, child.status.message = SpanStatus.STATUS_CODE_OK, "fine so far"

        spans = spans_in(wire.end_spans(request.SerializeToString(), end_ns=9, message="failure"))

        assert [(span.status.code, span.status.message) for span in spans] == [
            (2, "SystemExit: 3"),
            (2, "failure"),
        ]

    def test_no_span_ends_before_it_started(self):
        (root, _) = spans_in(wire.end_spans(self.OPEN, end_ns=999_999_999, message="at once"))

        assert root.end_time_unix_nano == root.start_time_unix_nano


def test_fields_are_appended_to_every_span():
    kind = b"\x30\x02"

    spans = spans_in(wire.append_to_spans(TWO, kind))

    assert [span.kind for span in spans] == [2, 2]


class TestAnswers:
    """Small messages are read and written without a library."""

    def test_a_partial_success_says_what_was_rejected(self):
        response = ExportTraceServiceResponse()
        response.partial_success.rejected_spans = 300
        response.partial_success.error_message = "too old"

        assert wire.partial_success(response.SerializeToString()) == (300, "too old")

    @pytest.mark.parametrize(
        "body", [b"", b"\x0a\x00", b"\x0a\x05", b"<html>", b"\x0a\x03\x1d\x00\x00"]
    )
    def test_anything_else_rejects_nothing(self, body):
        assert wire.partial_success(body) == (0, "")

    def test_fields_that_are_not_known_are_passed_over(self):
        assert wire.partial_success(b"\x0a\x07\x08\x02\x1d\x00\x00\x00\x00") == (2, "")

    def test_a_status_says_what_was_wrong(self):
        message = "x" * 200

        assert Status.FromString(wire.rpc_status(3, message)) == Status(code=3, message=message)


def with_status(code):
    made = span(span_id=ROOT)
    made.status.code = code
    made.status.message = "why"
    return made


class TestAFailedSpan:
    """Its own status alone says so."""

    def test_is_the_status_error(self):
        assert wire.holds_failed_span(request(TRACES, span(), with_status(2)), ROOT)

    @pytest.mark.parametrize("code", [0, 1])
    def test_is_no_other_status(self, code):
        assert not wire.holds_failed_span(request(TRACES, with_status(code)), ROOT)

    def test_is_not_that_of_another_span(self):
        assert not wire.holds_failed_span(request(TRACES, with_status(2), span()), b"another!")

    @pytest.mark.parametrize("body", [b"", b"\x0a\x05"])
    def test_is_not_in_what_cannot_be_read(self, body):
        assert not wire.holds_failed_span(body, ROOT)

"""What may be merged, and how."""

from __future__ import annotations

from collector_ext.core.otlp import (
    JSON,
    LOGS,
    PROTOBUF,
    TRACES,
    ExportRequest,
    export_requests,
)
from tests.fakes.payloads import payload_of
from tests.fakes.trace_requests import export_request, span_id, spans_in

A = payload_of(TRACES, PROTOBUF, export_request(("a", span_id(1))))
B = payload_of(TRACES, PROTOBUF, export_request(("b", span_id(2))))
LOG = payload_of(LOGS, PROTOBUF, b"log")
TEXT = payload_of(TRACES, JSON, b"{}")
SUSPECT = payload_of(TRACES, PROTOBUF, b"suspect", is_suspect=True)

MIB = 1024 * 1024


class TestMerging:
    """Payloads of one signal travel together."""

    def test_their_order_is_kept(self):
        assert export_requests("otlp", [A, B], size_bytes_max=MIB) == (
            ExportRequest("otlp", TRACES, (A, B)),
        )

    def test_the_merged_body_holds_all_they_held(self):
        assert [span.name for span in spans_in(ExportRequest("otlp", TRACES, (A, B)).merged())] == [
            "a",
            "b",
        ]

    def test_signals_are_not_mixed(self):
        assert export_requests("otlp", [A, LOG, B], size_bytes_max=MIB) == (
            ExportRequest("otlp", TRACES, (A, B)),
            ExportRequest("otlp", LOGS, (LOG,)),
        )

    def test_json_is_not_merged(self):
        assert export_requests("otlp", [A, TEXT, B, TEXT], size_bytes_max=MIB) == (
            ExportRequest("otlp", TRACES, (TEXT,)),
            ExportRequest("otlp", TRACES, (TEXT,)),
            ExportRequest("otlp", TRACES, (A, B)),
        )

    def test_what_was_refused_with_others_is_not_merged_again(self):
        assert ExportRequest("otlp", TRACES, (SUSPECT,)) in export_requests(
            "otlp", [A, SUSPECT], size_bytes_max=MIB
        )

    def test_what_was_refused_with_others_is_merged_in_smaller_numbers(self):
        requests = export_requests(
            "otlp", [SUSPECT, A, SUSPECT, SUSPECT], size_bytes_max=MIB, suspect_count_max=2
        )

        assert requests == (
            ExportRequest("otlp", TRACES, (SUSPECT, SUSPECT)),
            ExportRequest("otlp", TRACES, (SUSPECT,)),
            ExportRequest("otlp", TRACES, (A,)),
        )

    def test_a_merged_body_has_a_limit(self):
        size = len(A.body) + len(B.body)

        assert export_requests("otlp", [A, B, A], size_bytes_max=size) == (
            ExportRequest("otlp", TRACES, (A, B)),
            ExportRequest("otlp", TRACES, (A,)),
        )

    def test_a_payload_over_the_limit_travels_alone(self):
        assert len(export_requests("otlp", [A, B], size_bytes_max=1)) == 2

    def test_nothing_makes_no_request(self):
        assert export_requests("otlp", [], size_bytes_max=MIB) == ()

    def test_a_request_has_the_encoding_of_its_payloads(self):
        assert ExportRequest("otlp", TRACES, (TEXT,)).content_type == JSON

"""Log records, serialised: what a property test compares with nobody's, and what is left out."""

from __future__ import annotations

from typing import Any

from opentelemetry._logs import LogRecord
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk.resources import Resource

from otel_layer.core.correlation import for_json, for_text
from otel_layer.core.otlp import request
from otel_layer.core.otlp_logs import LogEncoder, without_correlation

SPAN = (0xABC, 0xDEF, 1)


def decoded(record):
    """Encode a record and have the protocol's own library read it."""
    encoded = LogEncoder().encode_record(record, record.attributes, Resource({}), None)
    export = ExportLogsServiceRequest.FromString(request([encoded]))
    return export.resource_logs[0].scope_logs[0].log_records[0]


class TestARecord:
    """It says what the SDK knows of it."""

    def test_attributes_that_the_limits_took_are_counted(self):
        record = LogRecord(body="x", observed_timestamp=1)
        record.attributes = BoundedAttributes(maxlen=1, attributes={"a": 1, "b": 2})

        assert decoded(record).dropped_attributes_count == 1

    def test_one_of_an_sdk_that_knows_no_events_has_no_name(self):
        record = LogRecord(body="x", observed_timestamp=1)
        del record.event_name

        assert decoded(record).event_name == ""

    def test_a_lone_surrogate_costs_one_character(self):
        record = LogRecord(body="a\ud800b", observed_timestamp=1)

        assert decoded(record).body.string_value == "a?b"

    def test_a_body_that_is_no_value_of_the_protocol_is_its_text(self):
        record = LogRecord(observed_timestamp=1)
        error: Any = ValueError("no")
        record.body = {"error": error}

        assert decoded(record).body.kvlist_value.values[0].value.string_value == "no"


class TestWhatLeadsALineToItsTrace:
    """It is left out: the record itself knows."""

    def test_attributes_of_ours_are_left_out(self):
        attributes = {**for_text(*SPAN, "shop"), **for_json(*SPAN, "shop"), "order": 7}

        assert without_correlation(attributes, SPAN, "shop") == {"order": 7}

    def test_of_a_record_without_a_span_too(self):
        attributes = {**for_text(0, 0, 0, "shop"), **for_json(0, 0, 0, "shop"), "order": 7}

        assert without_correlation(attributes, (0, 0, 0), "shop") == {"order": 7}

    def test_what_is_the_function_s_stays(self):
        attributes = {"trace_id": "own", "service.name": "other", "none": None}

        assert without_correlation(attributes, SPAN, "shop") == attributes

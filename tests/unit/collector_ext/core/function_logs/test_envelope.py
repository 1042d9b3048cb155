"""What a record says that is a JSON object."""

from __future__ import annotations

import pytest

from collector_ext.core.function_logs.envelope import record_of
from collector_ext.core.function_logs.log_record import LogRecord, TraceContext

AT_NS = 1_795_417_900_000_000_000
TRACE_ID, SPAN_ID = "72fd7c8e21a2c1a04d11f9b2ea46d2b8", "1f0a2c49d6b7c11e"
TRACE_BYTES, SPAN_BYTES = bytes.fromhex(TRACE_ID), bytes.fromhex(SPAN_ID)


def read(**fields):
    return record_of(fields, AT_NS)


class TestLambdasEnvelope:
    """Becomes what OpenTelemetry has for it."""

    def test_a_record_of_logging(self):
        found = read(
            timestamp="2026-11-23T07:10:41Z",
            level="WARNING",
            message="sold out",
            logger="shop",
            requestId="r-1",
        )

        assert found == LogRecord(AT_NS, 13, "WARNING", "sold out", {"logger": "shop"}, "r-1", None)

    def test_an_exception_that_was_logged(self):
        found = read(
            message="it broke",
            errorType="ValueError",
            errorMessage="no such thing",
            stackTrace=['  File "/var/task/app.py", line 3, in handler\n', "    raise\n"],
            location="/var/task/app.py:handler:7",
        )

        assert found.body == "it broke"
        assert found.attributes == {
            "exception.type": "ValueError",
            "exception.message": "no such thing",
            "exception.stacktrace": '  File "/var/task/app.py", line 3, in handler\n    raise',
            "code.file.path": "/var/task/app.py",
            "code.function.name": "handler",
            "code.line.number": 7,
        }

    @pytest.mark.parametrize("level", ["level", "log_level"])
    def test_what_the_runtime_reports_of_an_exception(self, level):
        found = read(**{level: "ERROR"}, errorType="E", errorMessage="no", stackTrace=[])

        attributes = {"exception.type": "E", "exception.message": "no"}
        assert found == LogRecord(AT_NS, 17, "ERROR", "no", attributes, "", None)

    def test_a_message_may_be_of_any_shape(self):
        assert read(message={"sku": [1, None]}).body == {"sku": [1, None]}

    @pytest.mark.parametrize(
        ("text", "at_ns"),
        [
            ("2026-11-23T07:10:41.800Z", 1_795_417_841_800_000_000),
            ("2026-11-23T07:10:41Z", AT_NS),
        ],
    )
    def test_its_time_counts_where_it_is_more_exact_than_a_second(self, text, at_ns):
        found = read(timestamp=text, message="so")

        assert (found.at_ns, found.attributes) == (at_ns, {})

    def test_what_it_does_not_have_is_an_attribute(self):
        assert read(message="so", sku=7, tenantId="t").attributes == {"sku": 7, "tenantId": "t"}

    def test_without_a_message_the_object_is_the_body(self):
        found = read(level="INFO", requestId="r-1", sku=7)

        assert found == LogRecord(AT_NS, 9, "INFO", {"sku": 7}, {}, "r-1", None)

    def test_what_is_read_stays_as_it_was(self):
        fields = {"message": "so", "level": "INFO", "trace_id": TRACE_ID, "location": "a:b:1"}
        before = dict(fields)

        record_of(fields, AT_NS)

        assert fields == before


class TestWhatIsNotUnderstood:
    """Stays as it was written."""

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("timestamp", 1_795_417_841),
            ("timestamp", "2026-11-23 07:10:41,800+0000"),
            ("level", 30),
            ("level", "L" * 101),
            ("requestId", None),
            ("requestId", ["r-1"]),
            ("errorType", 1),
            ("stackTrace", "at app.py"),
            ("stackTrace", [1]),
            ("location", "app.py"),
            ("location", "app.py:handler:x"),
            ("location", "app.py:handler:²"),
            ("location", 3),
            ("trace_id", "no hexadecimal digits"),
            ("span_id", SPAN_ID),
            ("trace_flags", "01"),
            ("otelTraceID", 1),
        ],
    )
    def test_as_an_attribute(self, key, value):
        found = read(**{"message": "so", key: value})

        assert found == LogRecord(AT_NS, 0, "", "so", {key: value}, "", None)


class TestItsTrace:
    """Is what the layer, or OpenTelemetry's instrumentor of logging, has written into it."""

    @pytest.mark.parametrize(("flags", "number"), [("03", 3), ("00", 0), (None, 0), ("x", 0)])
    def test_it_is_taken_out_of_the_attributes(self, flags, number):
        found = record_of(
            {
                "message": "so",
                "trace_id": TRACE_ID,
                "span_id": SPAN_ID,
                "trace_flags": flags,
                "service.name": "shop",
            },
            AT_NS,
        )

        assert (found.trace, found.attributes) == (
            TraceContext(TRACE_BYTES, SPAN_BYTES, number),
            {},
        )

    @pytest.mark.parametrize(("is_sampled", "flags"), [(True, 1), (False, 0)])
    def test_it_may_have_the_instrumentors_names(self, is_sampled, flags):
        found = read(
            message="so",
            otelTraceID=TRACE_ID,
            otelSpanID=SPAN_ID,
            otelTraceSampled=is_sampled,
            otelServiceName="shop",
        )

        assert (found.trace, found.attributes) == (
            TraceContext(TRACE_BYTES, SPAN_BYTES, flags),
            {},
        )

    def test_both_families_are_one_trace(self):
        found = read(message="so", trace_id=TRACE_ID, otelTraceID=TRACE_ID, otelSpanID=SPAN_ID)

        assert (found.trace, found.attributes) == (TraceContext(TRACE_BYTES, b"", 0), {})

    def test_outside_of_a_span_there_is_none(self):
        assert read(message="so", otelTraceID="0", otelSpanID="0").attributes == {}

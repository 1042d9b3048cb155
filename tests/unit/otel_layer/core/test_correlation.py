"""Under which names a log record leads to its trace."""

from __future__ import annotations

from otel_layer.core.correlation import NO_SPAN, for_json, for_text, text_format

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C
SPAN_ID = 0x00AD6B7169203331
LAMBDA_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"


def without_a_span(family):
    """The attributes of a family, of a record outside of any trace."""
    return family(*NO_SPAN, "shop")


class TestForText:
    """As the instrumentor of ``logging`` has it."""

    def test_ids_are_in_hexadecimal_digits_of_full_length(self):
        assert for_text(TRACE_ID, SPAN_ID, 3, "shop") == {
            "otelTraceID": "0af7651916cd43dd8448eb211c80319c",
            "otelSpanID": "00ad6b7169203331",
            "otelTraceSampled": True,
            "otelServiceName": "shop",
        }

    def test_a_trace_that_is_not_sampled_is_told(self):
        assert for_text(TRACE_ID, SPAN_ID, 2, "shop")["otelTraceSampled"] is False

    def test_without_a_span_ids_are_zero(self):
        assert without_a_span(for_text) == {
            "otelTraceID": "0",
            "otelSpanID": "0",
            "otelTraceSampled": False,
            "otelServiceName": "shop",
        }


class TestForJSON:
    """As the specification has it for logs that are not OTLP."""

    def test_ids_are_in_hexadecimal_digits_of_full_length(self):
        assert for_json(TRACE_ID, SPAN_ID, 3, "shop") == {
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "span_id": "00ad6b7169203331",
            "trace_flags": "03",
            "service.name": "shop",
        }

    def test_a_trace_that_is_not_sampled_is_told_by_its_flags(self):
        assert for_json(TRACE_ID, SPAN_ID, 2, "shop")["trace_flags"] == "02"

    def test_without_a_span_there_are_no_ids(self):
        assert without_a_span(for_json) == {"service.name": "shop"}


class TestTheLine:
    """Of Lambda's text format, with the trace in it."""

    def test_the_trace_is_a_column_before_the_message(self):
        assert text_format(LAMBDA_FORMAT, "") == (
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t"
            "[trace_id=%(otelTraceID)s span_id=%(otelSpanID)s"
            " resource.service.name=%(otelServiceName)s trace_sampled=%(otelTraceSampled)s]\t"
            "%(message)s\n"
        )

    def test_a_format_without_a_message_stays(self):
        assert text_format("%(levelname)s\n", "") == "%(levelname)s\n"

    def test_the_operator_s_own_ends_in_one_line_feed(self):
        assert text_format(LAMBDA_FORMAT, "%(message)s") == "%(message)s\n"
        assert text_format(LAMBDA_FORMAT, "%(message)s\n") == "%(message)s\n"

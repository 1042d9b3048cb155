"""The root span of an invocation whose handler was never called."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector_ext.core.failed_init import root_of
from collector_ext.core.initialisation import FailedInit
from tests.fakes.trace_requests import TRACE_ID, export_request, span_id, spans_in

RESOURCE = {"service.name": "mine", "faas.name": "hello"}
CHANCE = TRACE_ID + span_id(7)
MADE = FailedInit("r-1", "timeout", 5.0, 8.125, is_cold_start=True, root=b"")


def root(failure):
    """The only span."""
    (span,) = spans_in(root_of(failure, RESOURCE, "1.2", CHANCE))
    return span


def attributes(described):
    """Attributes as plain values."""
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value"))
        for pair in described.attributes
    }


class TestOneThatIsMadeHere:
    """Nobody else could: the function's process knew nothing, or could not tell."""

    def test_it_is_named_after_the_function_and_has_ids_of_its_own(self):
        span = root(MADE)

        assert (span.name, span.kind) == ("hello", 2)
        assert (span.trace_id, span.span_id, span.parent_span_id) == (TRACE_ID, span_id(7), b"")

    def test_it_lasts_from_the_beginning_of_the_initialisation_to_the_end(self):
        span = root(MADE)

        times = (span.start_time_unix_nano, span.end_time_unix_nano)
        assert times == (5_000_000_000, 8_125_000_000)

    def test_it_says_what_happened(self):
        span = root(MADE)

        assert (span.status.code, span.status.message) == (2, "timeout")
        assert attributes(span) == {
            "faas.invocation_id": "r-1",
            "faas.coldstart": True,
            "error.type": "timeout",
        }

    def test_its_resource_is_the_function_s(self):
        request = ExportTraceServiceRequest.FromString(root_of(MADE, RESOURCE, "1.2", CHANCE))

        (resource_spans,) = request.resource_spans
        scope = resource_spans.scope_spans[0].scope
        assert attributes(resource_spans.resource) == RESOURCE
        assert (scope.name, scope.version) == ("otel_layer.collector", "1.2")

    def test_without_a_name_of_the_function_it_has_one_all_the_same(self):
        (span,) = spans_in(root_of(MADE, {}, "1.2", CHANCE))

        assert span.name == "handler"


class TestOneThatTheFunctionSent:
    """It has the exception; what only the platform knows is added."""

    SENT = FailedInit(
        "r-1",
        "Runtime.ImportModuleError",
        started_at=0.5,
        ended_at=8.125,
        is_cold_start=True,
        root=export_request(("hello", span_id(1)), is_open=True),
    )

    def test_it_is_the_same_span(self):
        span = root(self.SENT)

        assert (span.name, span.span_id) == ("hello", span_id(1))

    def test_its_times_are_the_platform_s(self):
        span = root(self.SENT)

        times = (span.start_time_unix_nano, span.end_time_unix_nano)
        assert times == (500_000_000, 8_125_000_000)

    def test_it_is_told_its_request_id(self):
        assert attributes(root(self.SENT)) == {"faas.invocation_id": "r-1"}

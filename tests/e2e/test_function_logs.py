"""What the function writes arrives as OTLP logs, with the trace of its invocation."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from lambda_sandbox.edge.otlp_endpoint import Answer, OtlpEndpoint

WRITING = Path(__file__).parent / "tasks" / "writing"
ON = {"OTEL_LAYER_FUNCTION_LOGS": "true"}
JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
LEVELS = [("DEBUG", 5), ("INFO", 9), ("WARNING", 13), ("ERROR", 17), ("CRITICAL", 21)]

LINE_COUNT = 2 + len(LEVELS)
"""What `write` writes in an invocation."""


@pytest.fixture
def life(run, endpoint):
    """Invoke a handler in an environment that then ends; return the request ids."""

    def lived(handler, environ=None, *, count=1, to=endpoint, survives=True, **kwargs):
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": to.url, **ON, **(environ or {})}
        sandbox = run(f"app.{handler}", variables, task=WRITING, **kwargs)
        ids = []
        for _ in range(count):
            ids.append(sandbox.invoke(b"{}").request_id)
            if survives:
                sandbox.wait_frozen()
        sandbox.shutdown()
        return ids, sandbox

    return lived


@pytest.fixture(params=["text", "JSON"])
def log_format(request):
    """Lambda's two formats."""
    return JSON if request.param == "JSON" else {}


def groups(endpoint):
    return [
        group for message in endpoint.messages() for group in getattr(message, "resource_logs", ())
    ]


def records(endpoint):
    """All log records that were delivered."""
    scopes = [scoped for group in groups(endpoint) for scoped in group.scope_logs]
    return [record for scoped in scopes for record in scoped.log_records]


def said(endpoint, body):
    """The log records with a body."""
    return [record for record in records(endpoint) if record.body.string_value == body]


def attributes(record):
    return {each.key: each.value.string_value or each.value.int_value for each in record.attributes}


def root_of(endpoint, request_id):
    (root,) = [s for s in endpoint.spans() if s.attributes.get("faas.invocation_id") == request_id]
    return root


def own_lines(sandbox):
    """What the collector wrote to its own output."""
    return [line.text for line in sandbox.logs if line.source == "extension"]


def place(record):
    """Where in which trace a record belongs."""
    return record.trace_id.hex(), record.span_id.hex()


class TestAnInvocation:
    """Whatever it writes is there once, in its trace."""

    @pytest.mark.parametrize("body", ["printed", "to standard error"])
    def test_a_printed_line(self, life, endpoint, log_format, body):
        ids, _ = life("write", log_format, count=2)

        found = said(endpoint, body)
        assert [attributes(each) for each in found] == [{"faas.invocation_id": one} for one in ids]
        roots = [root_of(endpoint, one) for one in ids]
        assert [place(each) for each in found] == [(r.trace_id, r.span_id) for r in roots]
        assert [each.severity_number for each in found] == [0, 0]

    def test_a_record_of_each_level(self, life, endpoint, log_format):
        (request_id,), _ = life("write", log_format)

        found = said(endpoint, "at a level\nof two lines")
        assert [(each.severity_text, each.severity_number) for each in found] == LEVELS
        root = root_of(endpoint, request_id)
        assert {place(each) for each in found} == {(root.trace_id, root.span_id)}
        assert {attributes(each)["faas.invocation_id"] for each in found} == {request_id}

    def test_its_times_are_those_of_the_invocation(self, life, endpoint, log_format):
        (request_id,), _ = life("write", log_format)

        root = root_of(endpoint, request_id)
        second = 1_000_000_000
        for record in said(endpoint, "at a level\nof two lines"):
            assert root.start_ns - second < record.time_unix_nano < root.end_ns + second
            assert record.time_unix_nano <= record.observed_time_unix_nano

    def test_an_exception_that_it_raised(self, life, endpoint, log_format):
        (request_id,), _ = life("fail", log_format)

        raised = [r for r in records(endpoint) if "ValueError" in attributes(r).values()]
        (report,) = raised
        named = attributes(report)
        assert report.body.string_value.endswith("no such thing")
        assert (report.severity_text, report.severity_number) == ("ERROR", 17)
        assert named["exception.message"] == "no such thing"
        assert named["faas.invocation_id"] == request_id
        assert 'raise ValueError("no such thing")' in named["exception.stacktrace"]
        assert report.trace_id.hex() == root_of(endpoint, request_id).trace_id

    def test_an_exception_that_it_logged(self, life, endpoint):
        life("fail", JSON)

        (record,) = said(endpoint, "it broke")
        named = attributes(record)
        assert (named["exception.type"], named["order"], named["logger"]) == ("KeyError", 7, "shop")
        assert named["code.function.name"] == "fail"

    @pytest.mark.parametrize("environ", [JSON, {"OTEL_PYTHON_LOG_CORRELATION": "true"}])
    def test_a_record_of_a_span_is_of_that_span(self, life, endpoint, environ):
        life("spanned", environ)

        (record,) = said(endpoint, "in a span")
        (span,) = [span for span in endpoint.spans() if span.name == "inner"]
        assert place(record) == (span.trace_id, span.span_id)

    @pytest.mark.parametrize(
        ("handler", "body"), [("hang", "before it hangs"), ("vanish", "before it vanishes")]
    )
    def test_what_it_wrote_before_it_died(self, life, endpoint, handler, body):
        (request_id,), _ = life(handler, timeout_s=1.0, survives=False)

        (record,) = said(endpoint, body)
        root = root_of(endpoint, request_id)
        assert place(record) == (root.trace_id, root.span_id)
        assert attributes(record) == {"faas.invocation_id": request_id}

    def test_what_is_not_sampled_has_no_trace(self, life, endpoint):
        (request_id,), _ = life("write", {"OTEL_TRACES_SAMPLER": "always_off"})

        (record,) = said(endpoint, "printed")
        assert (place(record), endpoint.spans()) == (("", ""), [])
        assert attributes(record) == {"faas.invocation_id": request_id}


class TestOtherOutput:
    """Is forwarded if it is the function's."""

    def test_what_it_writes_while_it_starts_is_of_no_invocation(self, life, endpoint, log_format):
        life("write", log_format)

        (record,) = said(endpoint, "while it starts")
        assert (place(record), attributes(record)) == (("", ""), {})

    def test_the_resource_is_the_functions(self, life, endpoint):
        life("write", name="shop")

        names = {
            (each.key, each.value.string_value)
            for group in groups(endpoint)
            for each in group.resource.attributes
        }
        assert {("service.name", "shop"), ("faas.name", "shop")} <= names

    def test_an_extensions_output_is_not(self, life, endpoint):
        _, sandbox = life("write")

        assert any("exports traces" in line for line in own_lines(sandbox))
        assert not [r for r in records(endpoint) if "otel-layer" in r.body.string_value]


class TestManagedInstances:
    """Invocations are concurrent there: whose a record is, it has to say itself."""

    @pytest.fixture
    def ids(self, run, endpoint):
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url, **ON}
        kind = {"initialization_type": "lambda-managed-instances", "memory_mb": 2048}
        sandbox = run("app.write", variables, task=WRITING, **kind)
        ids = [sandbox.invoke(b"{}").request_id for _ in range(2)]
        sandbox.shutdown()
        return ids

    def test_a_record_of_logging_does(self, ids, endpoint):
        found = said(endpoint, "at a level\nof two lines")

        assert {attributes(each)["faas.invocation_id"] for each in found} == set(ids)
        assert {place(each) for each in found} == {
            (root.trace_id, root.span_id) for root in (root_of(endpoint, one) for one in ids)
        }

    def test_a_printed_line_does_not(self, ids, endpoint):
        found = said(endpoint, "printed")

        assert [(attributes(each), place(each)) for each in found] == [({}, ("", ""))] * len(ids)


class TestAnEndpointThatRefuses:
    """Is no reason to write, and what is written of it is nobody's to export."""

    @pytest.mark.parametrize("status", [400, 503])
    @pytest.mark.parametrize("strategy", ["end", "continuous"])
    def test_nothing_but_what_the_function_wrote_is_ever_sent(self, life, status, strategy):
        variables = {"OTEL_LAYER_FLUSH_STRATEGY": strategy, "OTEL_LAYER_RETRY_COUNT": "0"}
        with OtlpEndpoint(answer=lambda _: Answer(status)) as refusing:
            life("write", variables, count=3, to=refusing)  # it is frozen after each

            requests = [each.body for each in refusing.requests if each.path == "/v1/logs"]
        sent = {
            (record.time_unix_nano, record.severity_text, record.body.string_value)
            for body in requests
            for group in ExportLogsServiceRequest.FromString(body).resource_logs
            for scoped in group.scope_logs
            for record in scoped.log_records
        }
        assert len(sent) == 1 + 3 * LINE_COUNT

    def test_what_is_said_of_it_does_not_grow(self, life):
        with OtlpEndpoint(answer=lambda _: Answer(503)) as refusing:
            _, few = life("write", to=refusing)
            _, many = life("write", count=4, to=refusing)

        assert len(own_lines(many)) <= len(own_lines(few)) + 1


class TestUnasked:
    """It costs nothing, and nothing is exported."""

    def test_there_are_no_logs(self, life, endpoint):
        _, sandbox = life("write", {"OTEL_LAYER_FUNCTION_LOGS": ""})

        assert groups(endpoint) == []
        (told,) = [
            each for each in sandbox.events if each["type"] == "platform.telemetrySubscription"
        ]
        assert told["record"]["types"] == ["platform"]

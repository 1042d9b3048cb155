"""The main job: one trace for each invocation, whole, at the endpoint before the freeze."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.sandbox import Sandbox

INCOMING_TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
INCOMING_SPAN_ID = "b7ad6b7169203331"
INCOMING = f"00-{INCOMING_TRACE_ID}-{INCOMING_SPAN_ID}-01"


@pytest.fixture
def hello(example, endpoint):
    """The example function, observed, in an environment of its own."""
    with Sandbox(example(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint.url)) as sandbox:
        yield sandbox


def trace_of(endpoint, request_id):
    """The spans of the trace whose root is this invocation's, root first."""
    spans = endpoint.spans()
    roots = [span for span in spans if span.attributes.get("faas.invocation_id") == request_id]
    assert len(roots) == 1, f"one root for each invocation, not {len(roots)}"
    trace = [span for span in spans if span.trace_id == roots[0].trace_id]
    return sorted(trace, key=lambda span: (span is not roots[0], span.start_ns))


class TestAnInvocation:
    """Its trace is complete, and at the endpoint before the environment is frozen."""

    def test_its_trace_is_at_the_endpoint_when_the_environment_is_frozen(self, hello, endpoint):
        outcome = hello.invoke(b"{}")

        hello.wait_frozen()
        arrived = [(span.name, span.kind) for span in trace_of(endpoint, outcome.request_id)]
        assert arrived == [("hello", "SERVER"), ("GET", "CLIENT"), ("POST", "CLIENT")]

    def test_the_two_calls_are_children_of_the_root(self, hello, endpoint):
        outcome = hello.invoke(b"{}")

        hello.wait_frozen()
        root, get, post = trace_of(endpoint, outcome.request_id)
        assert (root.parent_span_id, get.parent_span_id, post.parent_span_id) == (
            "",
            root.span_id,
            root.span_id,
        )

    def test_the_service_it_called_was_told_which_span_called_it(
        self, hello, endpoint, http_service
    ):
        outcome = hello.invoke(b"{}")

        hello.wait_frozen()
        _, get, post = trace_of(endpoint, outcome.request_id)
        received = [call.headers["traceparent"].split("-")[1:3] for call in http_service.calls]
        assert received == [[span.trace_id, span.span_id] for span in (get, post)]

    def test_the_root_is_described_in_the_words_of_the_conventions(self, hello, endpoint):
        outcome = hello.invoke(b"{}")

        hello.wait_frozen()
        root = trace_of(endpoint, outcome.request_id)[0]
        arn = root.attributes["aws.lambda.invoked_arn"]
        assert root.attributes == {
            "faas.invocation_id": outcome.request_id,
            "faas.coldstart": True,
            "cloud.account.id": arn.split(":")[4],
            "cloud.resource_id": arn,
            "aws.lambda.invoked_arn": arn,
        }

    def test_the_resource_says_which_function_it_is(self, hello, endpoint):
        outcome = hello.invoke(b"{}")

        hello.wait_frozen()
        resource = dict(trace_of(endpoint, outcome.request_id)[0].resource)
        assert resource.pop("faas.instance")
        assert resource.pop("telemetry.sdk.version")
        assert resource.pop("telemetry.distro.version")
        assert resource == {
            "service.name": "hello",
            "faas.name": "hello",
            "faas.version": "$LATEST",
            "faas.max_memory": 256 * 1024 * 1024,
            "cloud.provider": "aws",
            "cloud.platform": "aws_lambda",
            "cloud.region": "us-east-1",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.distro.name": "otel-layer",
        }

    def test_the_function_answers_what_it_always_answers(self, hello):
        outcome = hello.invoke(b"{}")

        assert (outcome.function_error, json.loads(outcome.payload)["statusCode"]) == (None, 200)


class TestSeveralInvocations:
    """Each has a trace of its own."""

    def test_no_two_share_a_trace(self, hello, endpoint):
        outcomes = [hello.invoke(b"{}") for _ in range(5)]

        hello.wait_frozen()
        traces = [trace_of(endpoint, outcome.request_id) for outcome in outcomes]
        assert len({trace[0].trace_id for trace in traces}) == len(outcomes)
        assert [len(trace) for trace in traces] == [3] * len(outcomes)

    def test_only_the_first_is_a_cold_start(self, hello, endpoint):
        outcomes = [hello.invoke(b"{}") for _ in range(3)]

        hello.wait_frozen()
        roots = [trace_of(endpoint, outcome.request_id)[0] for outcome in outcomes]
        assert [root.attributes["faas.coldstart"] for root in roots] == [True, False, False]


class TestAnInvocationThatIsPartOfATrace:
    """The caller's W3C context is continued."""

    def test_an_incoming_traceparent_is_the_parent_of_the_root(self, hello, endpoint):
        event = json.dumps({"headers": {"Traceparent": INCOMING}}).encode()

        outcome = hello.invoke(event)

        hello.wait_frozen()
        root = trace_of(endpoint, outcome.request_id)[0]
        assert (root.trace_id, root.parent_span_id) == (INCOMING_TRACE_ID, INCOMING_SPAN_ID)

    def test_a_malformed_traceparent_starts_a_trace_of_its_own(self, hello, endpoint):
        event = json.dumps({"headers": {"traceparent": "00-abc"}}).encode()

        outcome = hello.invoke(event)

        hello.wait_frozen()
        assert trace_of(endpoint, outcome.request_id)[0].parent_span_id == ""


class TestAnInvocationThatRaises:
    """The exception is in the trace, and goes on to Lambda untouched."""

    def test_the_root_carries_the_exception(self, hello, endpoint):
        outcome = hello.invoke(b'{"fail": true}')

        hello.wait_frozen()
        root = trace_of(endpoint, outcome.request_id)[0]
        error = json.loads(outcome.payload)
        (event,) = root.events
        assert root.status_code == "ERROR"
        assert event.name == "exception"
        assert event.attributes["exception.message"] == error["errorMessage"]
        assert event.attributes["exception.type"].endswith(error["errorType"])
        assert "Traceback" in event.attributes["exception.stacktrace"]

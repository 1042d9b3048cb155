"""What an invocation looks like to the collector, with the real runtime client in front."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fakes.http_service import HttpService
from tests.fakes.local_collector import LocalCollector, attributes
from tests.fakes.runtime_api import ARN, FunctionProcess, RuntimeApi, layer_from_source

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

APP = """
import concurrent.futures
import os
import sys
import time

import requests
import urllib3
from opentelemetry import baggage, trace

tracer = trace.get_tracer("the customer's")


def calls(event, context):
    requests.get(event["url"] + "/get?sig=secret")
    urllib3.PoolManager().request("POST", event["url"] + "/post?sig=secret")
    return baggage.get_baggage("tenant")


def returns(event, context):
    return event


def raises(event, context):
    raise ValueError("the customer's own")


def raises_from(event, context):
    try:
        requests.get("http://127.0.0.1:1")
    except requests.ConnectionError as cause:
        raise RuntimeError("the shop is away") from cause


def unserialisable(event, context):
    return sys.stdout


def leaves(event, context):
    sys.exit(3)


def imports_late(event, context):
    import http_later
    return http_later.get(event["url"])


def spans(event, context):
    with tracer.start_as_current_span("first"):
        time.sleep(0.02)
    with tracer.start_as_current_span("second"):
        pass


def in_threads(event, context):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(lambda: tracer.start_span("elsewhere").end()).result()


def forks(event, context):
    pid = os.fork()
    if pid == 0:
        with tracer.start_as_current_span("in the child"):
            pass
        os._exit(0)
    os.waitpid(pid, 0)
    with tracer.start_as_current_span("in the parent"):
        pass


class UnreadableError(Exception):
    def __str__(self):
        return "readable"


def raises_own(event, context):
    raise UnreadableError
"""


@pytest.fixture
def layer(tmp_path):
    return layer_from_source(tmp_path / "layer")


@pytest.fixture
def task(tmp_path):
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    return folder


@pytest.fixture
def run(task, layer):
    """Invoke a handler once; returns what it answered and what the collector got."""

    def run_once(handler, event=None, *, headers=None, environ=None, own_collector=True):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address if own_collector else None, port=0) as collector,
            FunctionProcess(api, task, handler, layer=layer, environ=environ) as function,
        ):
            outcome = api.invoke(event, headers=headers)
            requests = collector.wait_for_end("request-1")
            assert function.our_lines == []
            return outcome, requests

    return run_once


def spans_of(requests):
    """The spans that have ended, by name."""
    return {
        span.name: span
        for request in requests
        for span in request.spans
        if request.phase != "start"
    }


class TestAnInvocation:
    """One root span, and the calls as its children."""

    def test_the_root_says_what_ran(self, run):
        _, requests = run("app.returns")

        root = spans_of(requests)["hello"]
        assert attributes(root) == {
            "faas.invocation_id": "request-1",
            "faas.coldstart": True,
            "cloud.account.id": "123456789012",
            "cloud.resource_id": ARN,
            "aws.lambda.invoked_arn": ARN,
        }
        assert root.kind == root.SPAN_KIND_SERVER
        assert root.parent_span_id == b""
        assert root.status.code == 0

    def test_each_call_is_one_child_and_carries_its_id_along(self, run):
        with HttpService() as service:
            _, requests = run("app.calls", {"url": service.url})

        spans = spans_of(requests)
        root = spans.pop("hello")
        assert set(spans) == {"GET", "POST"}
        for name, call in zip(("GET", "POST"), service.calls, strict=True):
            assert spans[name].parent_span_id == root.span_id
            assert spans[name].kind == root.SPAN_KIND_CLIENT
            assert call.headers["traceparent"] == (
                f"00-{root.trace_id.hex()}-{spans[name].span_id.hex()}-03"
            )
        assert sum(len(request.spans) for request in requests if request.phase != "start") == 3

    def test_what_is_secret_in_an_address_is_not_in_the_span(self, run):
        with HttpService() as service:
            _, requests = run("app.calls", {"url": service.url})

        spans = spans_of(requests)
        assert attributes(spans["GET"])["http.url"].endswith("/get?sig=REDACTED")
        assert attributes(spans["POST"])["http.url"].endswith("/post?sig=REDACTED")

    def test_headers_and_bodies_are_not_in_the_span(self, run):
        with HttpService() as service:
            _, requests = run("app.calls", {"url": service.url})

        keys = {key for span in spans_of(requests).values() for key in attributes(span)}
        assert not any("header" in key or "body" in key for key in keys)

    def test_a_library_is_instrumented_whenever_it_is_imported(self, run, task):
        (task / "app.py").write_text(
            "def handler(event, context):\n    import later\n    later.get(event)\n"
        )
        (task / "later.py").write_text("import requests\n\ndef get(url):\n    requests.get(url)\n")

        with HttpService() as service:
            _, requests = run("app.handler", service.url)

        assert set(spans_of(requests)) == {"GET", "hello"}

    def test_a_finder_of_the_customer_s_does_not_keep_us_from_it(self, run, task):
        (task / "app.py").write_text(
            "import sys\n"
            "from importlib.machinery import PathFinder\n"
            "sys.meta_path.insert(0, PathFinder)\n"
            "import requests\n"
            "def handler(event, context):\n    requests.get(event)\n"
        )
        with HttpService() as service:
            _, requests = run("app.handler", service.url)

        assert set(spans_of(requests)) == {"GET", "hello"}

    def test_every_request_names_the_invocation(self, run):
        _, requests = run("app.spans")

        assert [request.phase for request in requests] == ["start", None, None, "end"]
        assert [[span.name for span in request.spans] for request in requests] == [
            ["hello"],
            ["first"],
            ["second"],
            ["hello"],
        ]

    def test_the_root_is_announced_provisionally(self, run):
        _, requests = run("app.returns")

        (provisional,) = requests[0].spans
        assert requests[0].phase == "start"
        assert provisional.end_time_unix_nano == 0
        assert provisional.span_id == spans_of(requests)["hello"].span_id

    def test_no_two_invocations_share_a_trace(self, task, layer):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, "app.returns", layer=layer),
        ):
            roots = []
            for request_id in ("request-1", "request-2", "request-3"):
                api.invoke({}, request_id=request_id)
                roots.append(spans_of(collector.wait_for_end(request_id))["hello"])

        assert len({root.trace_id for root in roots}) == 3
        assert [attributes(root)["faas.coldstart"] for root in roots] == [True, False, False]
        assert collector.connection_count == 1

    def test_spans_of_other_threads_belong_to_it(self, run):
        _, requests = run("app.in_threads")

        assert "elsewhere" in spans_of(requests)

    def test_a_forked_child_sends_its_spans_on_a_connection_of_its_own(self, task, layer):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, "app.forks", layer=layer),
        ):
            api.invoke({})
            everything = {"in the child", "in the parent", "hello"}
            collector.wait_for(lambda requests: set(spans_of(requests)) == everything)

        assert collector.connection_count == 2


class TestTheTraceItContinues:
    """The caller's, where it came along; else a new one."""

    @pytest.mark.parametrize(
        "event",
        [
            {"headers": {"traceparent": PARENT}},
            {"headers": {"TraceParent": PARENT}},
            {"multiValueHeaders": {"traceparent": [PARENT]}},
        ],
        ids=["headers", "another case", "several values"],
    )
    def test_the_event_s_parent_is_the_root_s(self, run, event):
        _, requests = run("app.returns", event)

        root = spans_of(requests)["hello"]
        assert root.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
        assert root.parent_span_id.hex() == "b7ad6b7169203331"
        assert root.flags & 0x300 == 0x300

    @pytest.mark.parametrize("place", ["w3c", "custom"])
    def test_the_invocation_s_context_may_hold_it(self, run, place):
        client_context = json.dumps({place: {"traceparent": PARENT}})

        _, requests = run(
            "app.returns", {}, headers={"Lambda-Runtime-Client-Context": client_context}
        )

        assert spans_of(requests)["hello"].parent_span_id.hex() == "b7ad6b7169203331"

    def test_baggage_reaches_the_handler_and_whom_it_calls(self, run):
        with HttpService() as service:
            event = {"url": service.url, "headers": {"traceparent": PARENT, "baggage": "tenant=a"}}
            outcome, _ = run("app.calls", event)

        assert outcome.body == b'"a"'
        assert service.calls[0].headers["baggage"] == "tenant=a"

    @pytest.mark.parametrize(
        "parent", ["", "nonsense", PARENT[:-1], PARENT.replace("b7ad", "xxxx")]
    )
    def test_a_malformed_one_starts_a_new_trace(self, run, parent):
        _, requests = run("app.returns", {"headers": {"traceparent": parent}})

        assert spans_of(requests)["hello"].parent_span_id == b""

    def test_an_unsampled_one_makes_no_spans_and_still_an_end(self, run):
        _, requests = run("app.returns", {"headers": {"traceparent": UNSAMPLED}})

        assert [(request.phase, request.spans) for request in requests] == [("end", [])]


class TestTheOutcome:
    """How the invocation ended is how the root ends."""

    def test_an_exception_is_recorded(self, run):
        outcome, requests = run("app.raises")

        root = spans_of(requests)["hello"]
        assert outcome.kind == "error"
        assert (root.status.code, root.status.message) == (2, "ValueError: the customer's own")
        assert attributes(root)["error.type"] == "ValueError"
        (event,) = root.events
        assert event.name == "exception"
        assert attributes(event)["exception.type"] == "ValueError"
        assert attributes(event)["exception.message"] == "the customer's own"

    def test_its_stack_begins_at_the_handler(self, run):
        _, requests = run("app.raises")

        (event,) = spans_of(requests)["hello"].events
        first, second, *_ = attributes(event)["exception.stacktrace"].splitlines()
        assert first == "Traceback (most recent call last):"
        assert "app.py" in second
        assert "otel_layer" not in attributes(event)["exception.stacktrace"]

    def test_what_led_to_it_is_in_its_stack_without_the_instrumentors(self, run):
        _, requests = run("app.raises_from")

        (event,) = spans_of(requests)["hello"].events
        stacktrace = attributes(event)["exception.stacktrace"]
        assert "requests.exceptions.ConnectionError: " in stacktrace
        assert stacktrace.endswith("RuntimeError: the shop is away\n")
        assert not [name for name in ("otel_layer", "opentelemetry", "wrapt") if name in stacktrace]

    def test_a_result_that_cannot_be_serialised_is_an_error(self, run):
        outcome, requests = run("app.unserialisable")

        root = spans_of(requests)["hello"]
        assert outcome.error["errorType"] == "Runtime.MarshalError"
        assert root.status.code == 2
        assert attributes(root)["error.type"] == "Runtime.MarshalError"

    def test_an_event_that_cannot_be_read_is_an_error(self, run):
        outcome, requests = run("app.returns", b"{no JSON")

        root = spans_of(requests)["hello"]
        assert outcome.error["errorType"] == "Runtime.UnmarshalError"
        assert attributes(root)["error.type"] == "Runtime.UnmarshalError"
        assert attributes(root)["faas.invocation_id"] == "request-1"

    def test_a_process_that_ends_itself_leaves_the_end_of_its_root_to_the_collector(
        self, task, layer
    ):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, "app.leaves", layer=layer) as function,
        ):
            api.hand_out({}, request_id="request-1")
            requests = collector.wait_for_end("request-1")
            assert function.wait() == 3

        (root,) = requests[-2].spans
        assert [request.phase for request in requests[-2:]] == ["start", "end"]
        assert attributes(root)["error.type"] == "SystemExit"
        assert (root.status.code, root.end_time_unix_nano) == (2, 0)

    def test_a_module_that_cannot_be_imported_is_told_of_no_invocation(self, task, layer):
        (task / "broken.py").write_text("import not_packaged_at_all\n")
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, "broken.handler", layer=layer) as function,
        ):
            (request,) = collector.wait_for(lambda requests: requests)
            assert function.wait() == 1

        (root,) = request.spans
        (event,) = root.events
        assert (request.phase, request.invocation_id) == ("start", None)
        assert (root.status.code, root.end_time_unix_nano) == (2, 0)
        assert attributes(root)["error.type"] == "Runtime.ImportModuleError"
        assert attributes(event)["exception.type"] == "ModuleNotFoundError"
        assert "otel_layer" not in attributes(event)["exception.stacktrace"]

    @pytest.mark.parametrize("event", [None, [], "text", 7, 1.5, True, {"headers": None}], ids=repr)
    def test_an_event_of_any_kind_is_traced(self, run, event):
        outcome, requests = run("app.returns", event)

        assert json.loads(outcome.body) == event
        assert "hello" in spans_of(requests)


class TestWhoSendsIt:
    """The resource describes the function."""

    def test_it_is_lambda_s_description(self, run):
        _, requests = run("app.returns")

        assert resource(requests) == {
            "service.name": "hello",
            "faas.name": "hello",
            "faas.version": "$LATEST",
            "faas.instance": "2026/11/23/[$LATEST]abc",
            "faas.max_memory": 134217728,
            "cloud.provider": "aws",
            "cloud.platform": "aws_lambda",
            "cloud.region": "eu-central-1",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": resource(requests)["telemetry.sdk.version"],
            "telemetry.distro.name": "otel-layer",
            "telemetry.distro.version": "0.1.0",
        }

    def test_the_owner_has_the_last_word(self, run):
        _, requests = run(
            "app.returns",
            environ={
                "OTEL_SERVICE_NAME": "shop",
                "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=a%2Cb,cloud.region=mars",
            },
        )

        described = resource(requests)
        assert described["service.name"] == "shop"
        assert described["deployment.environment.name"] == "a,b"
        assert described["cloud.region"] == "mars"


def resource(requests):
    """The resource of the last request."""
    (resource_spans,) = ExportTraceServiceRequest.FromString(requests[-1].body).resource_spans
    return attributes(resource_spans.resource)

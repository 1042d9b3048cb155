"""A function that runs out of time: its trace names the call that hung."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from lambda_sandbox.sandbox import Sandbox

TASK = Path(__file__).parent / "tasks" / "timeouts"


class Told(NamedTuple):
    """What a span says, as far as it matters here."""

    name: str
    status: str
    message: str
    is_unfinished: bool


def told(span):
    return Told(
        span.name,
        span.status_code,
        span.status_message,
        span.attributes.get("otel_layer.unfinished", False),
    )


@pytest.fixture
def silent_url():
    """Of a service that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/payments"


@pytest.fixture
def start(run, endpoint):
    """Run a function of ``tasks/timeouts``, which has a second for each invocation."""

    def start(handler, environ=None, **kwargs):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url, **(environ or {})}
        given = {"task": TASK, "timeout_s": 1.0, "memory_mb": 256, **kwargs}
        return run(f"app.{handler}", environ, **given)

    return start


def invoked(sandbox, **event):
    return sandbox.invoke(json.dumps(event).encode())


def roots(spans):
    return [span for span in spans if not span.parent_span_id]


@pytest.mark.parametrize("telemetry", [True, False], ids=["telemetry", "no telemetry"])
class TestACallThatHangs:
    """One trace: what had ended as it ended, what was open as unfinished."""

    def test_the_trace_is_whole(self, start, endpoint, silent_url, telemetry):
        sandbox = start("hang", telemetry=telemetry)
        outcome = invoked(sandbox, url=silent_url)
        sandbox.__exit__(None, None, None)

        spans = endpoint.spans()
        (root,) = roots(spans)
        assert outcome.status == "timeout"
        assert root.attributes["faas.invocation_id"] == outcome.request_id
        assert sorted(told(span) for span in spans) == [
            Told("GET", "ERROR", "timeout", is_unfinished=True),
            Told("charge the customer", "ERROR", "timeout", is_unfinished=True),
            Told("check the order", "UNSET", "", is_unfinished=False),
            Told("read the order", "UNSET", "", is_unfinished=False),
            Told("story", "ERROR", "timeout", is_unfinished=False),
        ]
        assert {span.trace_id for span in spans} == {root.trace_id}
        assert len({span.span_id for span in spans}) == len(spans)

    def test_the_call_names_whom_it_waited_for(self, start, endpoint, silent_url, telemetry):
        sandbox = start("hang", telemetry=telemetry)
        invoked(sandbox, url=silent_url)
        sandbox.__exit__(None, None, None)

        spans = {span.name: span for span in endpoint.spans()}
        call, work = spans["GET"], spans["charge the customer"]
        assert call.attributes["http.url"] == silent_url
        assert (call.parent_span_id, work.parent_span_id) == (
            work.span_id,
            spans["story"].span_id,
        )

    def test_it_lasts_until_the_function_was_stopped(self, start, endpoint, silent_url, telemetry):
        sandbox = start("hang", telemetry=telemetry)
        invoked(sandbox, url=silent_url)
        sandbox.__exit__(None, None, None)

        spans = [span for span in endpoint.spans() if span.status_code == "ERROR"]
        durations_s = [(span.end_ns - span.start_ns) / 1e9 for span in spans]
        assert len(durations_s) == 3
        assert durations_s == [pytest.approx(1, abs=0.1)] * 3


class TestAfterATimeout:
    """The environment is reset: a new process, and a timer of its own."""

    def test_the_next_invocation_has_its_own_trace(self, start, endpoint, silent_url):
        sandbox = start("hang")
        first = invoked(sandbox, url=silent_url)
        second = invoked(sandbox)
        sandbox.wait_frozen()

        spans = endpoint.spans()
        statuses = {
            root.attributes["faas.invocation_id"]: root.status_code for root in roots(spans)
        }
        trace_ids = [root.trace_id for root in roots(spans)]
        of_second = [told(span) for span in spans if span.trace_id == trace_ids[-1]]
        assert (first.status, second.status) == ("timeout", "success")
        assert statuses == {first.request_id: "ERROR", second.request_id: "UNSET"}
        assert len(set(trace_ids)) == 2
        assert {one.is_unfinished for one in of_second} == {False}


class TestAFunctionThatNearlyRunsOutOfTime:
    """It was told of as open, and ended after all."""

    def test_its_spans_arrive_once_and_ended(self, start, endpoint):
        sandbox = start("nearly")
        outcome = invoked(sandbox, left_ms=100)
        sandbox.wait_frozen()
        sandbox.__exit__(None, None, None)

        assert outcome.status == "success"
        assert sorted(told(span) for span in endpoint.spans()) == [
            Told("slow", "UNSET", "", is_unfinished=False),
            Told("story", "UNSET", "", is_unfinished=False),
        ]


class TestAFunctionThatHoldsTheInterpreter:
    """Code in C lets no other thread run: the root is told of all the same."""

    def test_its_root_is_there_without_what_was_open(self, start, endpoint):
        sandbox = start("hold_the_interpreter")
        outcome = invoked(sandbox, rounds=10**10)
        sandbox.__exit__(None, None, None)

        assert outcome.status == "timeout"
        assert [told(span) for span in endpoint.spans()] == [
            Told("story", "ERROR", "timeout", is_unfinished=False)
        ]


class TestATinyFunction:
    """128 MB, and the fourteenth of a processor that comes with them."""

    def test_what_hung_is_named_and_the_next_invocation_succeeds(self, story, endpoint, silent_url):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url}
        function = story("app.hang", environ, task=TASK, memory_mb=128, timeout_s=8.0)
        with Sandbox(function, cpu_share=True, init_timeout_s=60) as sandbox:
            first = invoked(sandbox, url=silent_url)
            second = invoked(sandbox)

        named = [span.name for span in endpoint.spans() if told(span).is_unfinished]
        assert (first.status, second.status) == ("timeout", "success")
        assert sorted(named) == ["GET", "charge the customer"]


class TestAnEnvironmentFromASnapshot:
    """SnapStart: the thread is started in the clone, not in what it is cloned from."""

    def test_what_hung_is_named(self, start, endpoint, silent_url):
        sandbox = start("hang", initialization_type="snap-start")
        outcome = invoked(sandbox, url=silent_url)
        sandbox.__exit__(None, None, None)

        spans = endpoint.spans()
        named = [span.name for span in spans if told(span).is_unfinished]
        assert outcome.status == "timeout"
        assert len(roots(spans)) == 1
        assert sorted(named) == ["GET", "charge the customer"]


class TestAManagedInstance:
    """Each worker is a process with a thread of its own."""

    def test_what_hung_is_named(self, start, endpoint, silent_url):
        sandbox = start("hang", initialization_type="lambda-managed-instances", memory_mb=2048)
        outcome = invoked(sandbox, url=silent_url)
        sandbox.__exit__(None, None, None)

        named = [span.name for span in endpoint.spans() if told(span).is_unfinished]
        assert outcome.status == "timeout"
        assert sorted(named) == ["GET", "charge the customer"]

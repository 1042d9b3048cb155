"""A function's process that runs out of time: what its collector hears of it, and when."""

from __future__ import annotations

import json
import os
import signal
import socket
import time

import pytest

from lambda_sandbox.edge import clock
from tests.fakes.local_collector import LocalCollector, attributes
from tests.fakes.runtime_api import FunctionProcess, RuntimeApi, layer_from_source

APP = """
import os
import requests
from opentelemetry import trace

TRACER = trace.get_tracer("app")


def handler(event, context):
    with TRACER.start_as_current_span("before"):
        pass
    with TRACER.start_as_current_span("right after it"):
        pass
    if "url" in event:
        requests.get(event["url"])
    if "fork" in event:
        pid = os.fork()
        if pid == 0:
            with TRACER.start_as_current_span("in the child"):
                open(event["fork"]).read()
            os._exit(0)
        os.waitpid(pid, 0)
    return "done"
"""


@pytest.fixture
def layer(tmp_path):
    return layer_from_source(tmp_path / "layer")


@pytest.fixture
def api():
    with RuntimeApi() as api:
        yield api


@pytest.fixture
def collector(api):
    with LocalCollector(api.address) as collector:
        yield collector


@pytest.fixture
def function(api, collector, layer, tmp_path):  # noqa: ARG001  # the collector is found when it starts
    task = tmp_path / "task"
    task.mkdir()
    (task / "app.py").write_text(APP)
    with FunctionProcess(api, task, "app.handler", layer=layer) as function:
        yield function


@pytest.fixture
def silent_url():
    """Of a service that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/silent"


def deadline(after_s):
    """The header that says when an invocation has to be over."""
    at_s = clock.epoch_at_zero() + clock.now() + after_s
    return {"Lambda-Runtime-Deadline-Ms": str(round(at_s * 1000))}


def snapshots(requests):
    return [request for request in requests if request.phase == "snapshot"]


class TestAFunctionThatHangs:
    """Shortly before its deadline the collector is told what hangs."""

    def test_the_snapshot_holds_the_root_and_the_open_call(
        self, api, collector, function, silent_url
    ):
        api.hand_out({"url": silent_url}, request_id="request-1", headers=deadline(1))

        (snapshot,) = snapshots(collector.wait_for(snapshots))
        root, call = snapshot.spans
        (started,) = [one for one in collector.requests if one.phase == "start"]
        assert snapshot.invocation_id == "request-1"
        assert root.span_id == started.spans[0].span_id
        assert (call.name, call.parent_span_id) == ("GET", root.span_id)
        assert attributes(call)["http.url"] == silent_url
        assert attributes(call)["otel_layer.unfinished"] is True
        assert function.our_lines == []

    @pytest.mark.usefixtures("function")
    def test_what_had_ended_has_been_sent_by_then(self, api, collector, silent_url):
        api.hand_out({"url": silent_url}, request_id="request-1", headers=deadline(1))

        requests = collector.wait_for(snapshots)
        ended = [span.name for one in requests if one.phase is None for span in one.spans]
        assert ended == ["before", "right after it"]

    @pytest.mark.usefixtures("function")
    def test_it_is_told_once(self, api, collector, silent_url):
        api.hand_out({"url": silent_url}, request_id="request-1", headers=deadline(0.5))
        collector.wait_for(snapshots)
        wait_until(clock.now() + 0.2)  # its deadline, and there is nobody to end it here

        assert len(snapshots(collector.requests)) == 1


class TestAFunctionThatReturnsInTime:
    """Nothing is told, then or later."""

    @pytest.mark.usefixtures("function")
    def test_it_sends_none(self, api, collector):
        for number in range(3):
            api.invoke({}, request_id=f"request-{number}", headers=deadline(0.3))
            collector.wait_for_end(f"request-{number}")
        wait_until(clock.now() + 0.4)
        api.invoke({}, request_id="request-3", headers=deadline(60))
        collector.wait_for_end("request-3")

        assert snapshots(collector.requests) == []

    def test_after_a_freeze_beyond_its_deadline_the_next_sends_none(self, api, collector, function):
        api.invoke({}, request_id="request-1", headers=deadline(0.3))
        collector.wait_for_end("request-1")
        os.kill(function.process.pid, signal.SIGSTOP)
        wait_until(clock.now() + 0.5)
        os.kill(function.process.pid, signal.SIGCONT)
        api.invoke({}, request_id="request-2", headers=deadline(60))
        collector.wait_for_end("request-2")

        assert snapshots(collector.requests) == []

    def test_the_next_one_that_hangs_is_told_of(self, api, collector, function, silent_url):
        api.invoke({}, request_id="request-1", headers=deadline(0.3))
        os.kill(function.process.pid, signal.SIGSTOP)
        wait_until(clock.now() + 0.5)
        os.kill(function.process.pid, signal.SIGCONT)
        api.hand_out({"url": silent_url}, request_id="request-2", headers=deadline(0.5))

        (snapshot,) = snapshots(collector.wait_for(snapshots))
        assert snapshot.invocation_id == "request-2"


class TestAFunctionThatForks:
    """The invocation is the parent's."""

    def test_the_child_tells_nothing_of_it(self, api, collector, function, tmp_path):
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        api.hand_out({"fork": str(fifo)}, request_id="request-1", headers=deadline(0.5))
        collector.wait_for(snapshots)
        wait_until(clock.now() + 0.2)
        fifo.write_bytes(b"")
        outcome = api.outcome("request-1")
        collector.wait_for_end("request-1")

        told = [[span.name for span in one.spans] for one in snapshots(collector.requests)]
        assert json.loads(outcome.body) == "done"
        assert told == [["hello"]]
        assert "in the child" in [span.name for one in collector.requests for span in one.spans]
        assert function.our_lines == []


def wait_until(at):
    """Let time pass: that something does not happen shows only then."""
    while (left_s := at - clock.now()) > 0:
        time.sleep(left_s)  # noqa: TID251  # see above

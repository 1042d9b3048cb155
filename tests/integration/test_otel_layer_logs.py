"""What the function logs leads to its trace: with the real runtime clients, in both formats."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from lambda_sandbox.edge.interpreter import interpreter_of
from lambda_sandbox.edge.packages import ensure
from lambda_sandbox.function import RUNTIME_REQUIREMENTS
from lambda_sandbox.settings import cache_folder
from tests.fakes.local_collector import LocalCollector
from tests.fakes.runtime_api import FunctionProcess, RuntimeApi, layer_from_source

PYTHON = interpreter_of(Path(sys.executable))
OF_2024 = RUNTIME_REQUIREMENTS.with_name("runtime-requirements-3.0.0.txt")
PYTHONS_OF_2024 = {"3.10", "3.11", "3.12", "3.13"}
"""What there are wheels of awslambdaric 3.0.0 for."""

JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
SHOWN = {"OTEL_PYTHON_LOG_CORRELATION": "true"}

APP = """
import logging
import threading

from opentelemetry import trace

logging.warning("while it starts")


def handler(event, context):
    logging.warning("in the root")
    with trace.get_tracer("x").start_as_current_span("inner"):
        logging.getLogger("shop").warning("in a span", extra={"order": 7})
    thread = threading.Thread(target=logging.warning, args=("in a thread",))
    thread.start()
    thread.join()


def own_fields(event, context):
    logging.warning("x", extra={"trace_id": "own", "otelTraceID": "own"})


def own_format(event, context):
    handler = logging.getLogger().handlers[0]
    handler.setFormatter(logging.Formatter("%(otelTraceID)s %(message)s\\n"))
    logging.warning("x")
"""


@pytest.fixture(params=["newest", "3.0.0"])
def runtime_client(request):
    """Variables that choose a release of the runtime client."""
    if request.param == "newest":
        return {}
    if PYTHON.version not in PYTHONS_OF_2024:
        pytest.skip(f"awslambdaric 3.0.0 has no wheel for Python {PYTHON.version}")
    return {"PYTHONPATH": str(ensure(OF_2024, PYTHON, cache_folder()))}


@pytest.fixture
def logged(tmp_path):
    """Invoke a handler once; returns the lines of its log, and its spans by name."""
    layer = layer_from_source(tmp_path / "layer")
    task = tmp_path / "task"
    task.mkdir()
    (task / "app.py").write_text(APP)

    def run(environ, handler="app.handler", *, with_layer=True):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(
                api, task, handler, layer=layer if with_layer else None, environ=environ
            ) as function,
        ):
            assert api.invoke({}).kind == "response"
            requests = collector.wait_for_end("request-1") if with_layer else []
            lines = (function.stdout + function.stderr).splitlines()
        spans = {span.name: span for one in requests if one.phase != "start" for span in one.spans}
        return lines, spans

    return run


def ids(span):
    """The trace id and the span id of a span, as a log has them."""
    return span.trace_id.hex(), span.span_id.hex()


class TestJSON:
    """Each line has the trace as fields."""

    @pytest.fixture
    def lines(self, logged, runtime_client):
        lines, spans = logged({**JSON, **runtime_client})
        return [json.loads(line) for line in lines], spans

    def test_the_fields_are_those_of_the_specification(self, lines):
        (_, in_root, in_span, in_thread), spans = lines

        root, inner = ids(spans["hello"]), ids(spans["inner"])
        assert (in_root["trace_id"], in_root["span_id"]) == root
        assert (in_span["trace_id"], in_span["span_id"]) == inner
        assert (in_thread["trace_id"], in_thread["span_id"]) == root
        assert in_root["trace_flags"] == "03"

    def test_all_else_is_as_it_was(self, lines, logged, runtime_client):
        with_layer, _ = lines

        without, _ = logged({**JSON, **runtime_client}, "app.handler", with_layer=False)

        ours = {"trace_id", "span_id", "trace_flags", "service.name"}
        for line, other in zip(with_layer, map(json.loads, without), strict=True):
            rest = {name: value for name, value in line.items() if name not in ours}
            assert {**rest, "timestamp": ""} == {**other, "timestamp": ""}

    def test_outside_of_an_invocation_there_is_the_service_alone(self, lines):
        (at_start, *_), _ = lines

        assert at_start["service.name"] == "hello"
        assert "trace_id" not in at_start
        assert "span_id" not in at_start

    def test_a_field_of_the_function_s_stays_its_own(self, logged, runtime_client):
        (_, line), _ = logged({**JSON, **runtime_client}, "app.own_fields")

        fields = json.loads(line)
        assert (fields["trace_id"], fields["otelTraceID"]) == ("own", "own")
        assert "span_id" not in fields

    def test_a_trace_that_is_not_sampled_is_told_by_its_flags(self, logged, runtime_client):
        lines, spans = logged({**JSON, **runtime_client, "OTEL_TRACES_SAMPLER": "always_off"})

        assert spans == {}
        assert json.loads(lines[1])["trace_flags"] == "02"
        assert re.fullmatch("[0-9a-f]{32}", json.loads(lines[1])["trace_id"])

    def test_the_names_of_the_sdk_s_users_are_added_on_request(self, logged, runtime_client):
        lines, spans = logged({**JSON, **runtime_client, **SHOWN})

        fields = json.loads(lines[1])
        assert (fields["otelTraceID"], fields["otelSpanID"]) == ids(spans["hello"])
        assert fields["trace_id"] == fields["otelTraceID"]


class TestText:
    """Lines are the runtime's, and show the trace on request."""

    def test_by_default_they_are_as_they_were(self, logged, runtime_client):
        with_layer, _ = logged(runtime_client)
        without, _ = logged(runtime_client, with_layer=False)

        time = re.compile(r"\t\S+Z\t")
        assert [time.sub("", line) for line in with_layer] == [
            time.sub("", line) for line in without
        ]

    def test_a_format_of_the_function_s_finds_the_trace(self, logged, runtime_client):
        lines, spans = logged(runtime_client, "app.own_format")

        trace_id, _ = ids(spans["hello"])
        assert lines[-1] == f"{trace_id} x"

    def test_a_field_of_the_function_s_stays_its_own(self, logged, runtime_client):
        lines, _ = logged({**runtime_client, **SHOWN}, "app.own_fields")

        assert "[trace_id=own span_id=0 " in lines[-1]

    def test_on_request_the_trace_is_before_the_message(self, logged, runtime_client):
        lines, spans = logged({**runtime_client, **SHOWN})

        level, _, request_id, trace, message = lines[2].split("\t")
        trace_id, span_id = ids(spans["inner"])
        assert (level, request_id, message) == ("[WARNING]", "request-1", "in a span")
        assert trace == (
            f"[trace_id={trace_id} span_id={span_id}"
            " resource.service.name=hello trace_sampled=True]"
        )

    def test_outside_of_an_invocation_ids_are_zero(self, logged, runtime_client):
        lines, _ = logged({**runtime_client, **SHOWN})

        assert lines[0].endswith(
            "\t[trace_id=0 span_id=0 resource.service.name=hello trace_sampled=False]"
            "\twhile it starts"
        )

    def test_on_request_they_have_the_operator_s_format(self, logged, runtime_client):
        own = {**SHOWN, "OTEL_PYTHON_LOG_FORMAT": "%(otelServiceName)s %(message)s"}

        lines, _ = logged({**runtime_client, **own, "OTEL_SERVICE_NAME": "shop"})

        assert lines[1] == "shop in the root"


class TestSwitchedOff:
    """As users of the SDK do it."""

    @pytest.mark.parametrize("names", ["logging", "*"])
    @pytest.mark.parametrize("environ", [JSON, SHOWN])
    def test_records_are_as_they_were(self, logged, names, environ):
        off = {**environ, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": names}

        lines, _ = logged(off)

        assert not any("trace" in line or "service" in line for line in lines)

"""Whatever is missing or broken: the function answers, and one line says what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time

import pytest

from tests.fakes.local_collector import LocalCollector
from tests.fakes.runtime_api import SOURCE, FunctionProcess, RuntimeApi, layer_from_source

APP = """
from opentelemetry import trace


def handler(event, context):
    return {"event": event}


def large(event, context):
    for n in range(event):
        with trace.get_tracer("x").start_as_current_span("large") as span:
            span.set_attribute("payload", "x" * 1_000_000)
    return "done"
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


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_rendezvous(api, port):
    """Say that our collector is at a port where it is not; returns the file."""
    collector = LocalCollector(api.address)
    rendezvous = collector.rendezvous
    assert rendezvous is not None
    collector.__exit__()
    rendezvous.write_text(f"{port} {os.getpid()}\n")
    return rendezvous


def answers(task, layer, *, handler="app.handler", environ=None, invocations=2):
    """Invoke without any collector; returns the layer's lines."""
    with (
        RuntimeApi() as api,
        FunctionProcess(api, task, handler, layer=layer, environ=environ) as function,
    ):
        for n in range(invocations):
            outcome = api.invoke({"n": n}, request_id=f"request-{n}")
            assert json.loads(outcome.body) == {"event": {"n": n}}
        return function.our_lines


class TestNoCollector:
    """Nobody listens: the spans are lost, the function does not notice."""

    def test_one_line_says_so(self, task, layer):
        with RuntimeApi() as api:
            rendezvous = write_rendezvous(api, port := unused_port())
            with FunctionProcess(api, task, "app.handler", layer=layer) as function:
                for n in range(3):
                    assert api.invoke(n, request_id=f"request-{n}").kind == "response"
                lines = function.our_lines
            rendezvous.unlink()

        assert lines == [
            (
                f"otel-layer: the collector at 127.0.0.1:{port} cannot be reached"
                " (Connection refused); what cannot be sent by the end of the invocation is lost"
            )
        ]

    def test_a_dead_collector_s_rendezvous_is_not_believed(self, task, layer):
        finished = subprocess.Popen([sys.executable, "-c", ""])
        finished.wait()
        with (
            RuntimeApi() as api,
            LocalCollector(api.address, pid=finished.pid) as collector,
            FunctionProcess(api, task, "app.handler", layer=layer),
        ):
            assert api.invoke({}).kind == "response"
            assert api.invoke({}, request_id="request-2").kind == "response"

        assert collector.requests == []


class TestACollectorThatDoesNotRead:
    """It is stopped, or it hangs: each invocation costs a bounded time."""

    def test_the_function_answers_and_one_line_says_so(self, task, layer):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address, reads=False) as collector,
            FunctionProcess(api, task, "app.large", layer=layer) as function,
        ):
            bodies = [api.invoke(20, request_id=f"request-{n}").body for n in range(2)]
            lines = function.our_lines

        assert bodies == [b'"done"'] * 2
        assert lines == [
            (
                f"otel-layer: the collector at 127.0.0.1:{collector.port} does not read"
                " (timed out); what cannot be sent by the end of the invocation is lost"
            )
        ]


class TestACollectorThatDies:
    """In the middle of an invocation, or between two."""

    def test_the_function_neither_raises_nor_blocks(self, task, layer):
        (task / "app.py").write_text(
            "from opentelemetry import trace\n"
            "def handler(event, context):\n"
            "    input_ = open(event)\n"
            "    input_.read()\n"  # until the test has killed the collector
            "    for n in range(100):\n"
            "        trace.get_tracer('x').start_span('after').end()\n"
            "    return 'done'\n"
        )
        fifo = task / "fifo"
        os.mkfifo(fifo)
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, "app.handler", layer=layer) as function,
        ):
            api.hand_out(str(fifo), request_id="request-1")
            collector.wait_for(lambda requests: requests)
            collector.dies()
            fifo.write_bytes(b"")

            assert api.outcome("request-1").body == b'"done"'
            (line,) = function.our_lines
            assert "cannot be reached" in line


class TestAForeignCollector:
    """Another product, on OpenTelemetry's own port."""

    @pytest.fixture
    def default_port(self, layer):
        """A copy of our package that takes another port for the default one."""
        port = unused_port()
        (layer / "python" / "otel_layer").unlink()
        shutil.copytree(SOURCE / "otel_layer", layer / "python" / "otel_layer")
        module = layer / "python" / "otel_layer" / "core" / "rendezvous.py"
        module.write_text(
            module.read_text().replace("DEFAULT_PORT = 4318", f"DEFAULT_PORT = {port}")
        )
        return port

    def test_it_gets_finished_spans_and_nothing_provisional(self, task, layer, default_port):
        with (
            RuntimeApi() as api,
            LocalCollector(port=default_port) as collector,
            FunctionProcess(api, task, "app.handler", layer=layer) as function,
        ):
            api.invoke({})
            requests = collector.wait_for_end("request-1")
            assert function.our_lines == []

        assert [[span.name for span in request.spans] for request in requests] == [["hello"]]
        assert requests[0].spans[0].end_time_unix_nano > 0

    def test_what_it_refuses_is_said_once(self, task, layer, default_port):
        refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        with (
            RuntimeApi() as api,
            LocalCollector(port=default_port, answer=refusal) as collector,
            FunctionProcess(api, task, "app.handler", layer=layer) as function,
        ):
            for n in range(4):
                api.invoke({}, request_id=f"request-{n}")
                collector.wait_for_end(f"request-{n}")
            lines = function.our_lines

        assert lines == [
            (
                f"otel-layer: the collector at 127.0.0.1:{default_port} answered"
                " 'HTTP/1.1 404 Not Found'; telemetry is lost"
            )
        ]


class TestAFaultOfOurOwn:
    """The function runs as it would without us, and one line says what broke."""

    def broken(self, layer, path, text="raise RuntimeError('broken on purpose')\n"):
        copy = layer / "python" / "otel_layer"
        if copy.is_symlink():
            copy.unlink()
            shutil.copytree(SOURCE / "otel_layer", copy)
        (copy / path).write_text(text)

    @pytest.mark.parametrize(
        "path",
        [
            "activation/sitecustomize.py",
            "edge/import_hook.py",
            "assembly.py",
            "settings.py",
            "edge/runtime.py",
            "edge/sdk.py",
            "edge/local_exporter.py",
            "core/otlp.py",
            "edge/late_signals.py",
            "edge/late_providers.py",
        ],
    )
    def test_a_module_of_ours_is_broken(self, task, layer, path):
        (task / "app.py").write_text("def handler(event, context):\n    return {'event': event}\n")
        self.broken(layer, path)

        with (
            RuntimeApi() as api,
            FunctionProcess(api, task, "app.handler", layer=layer) as function,
        ):
            outcome = api.invoke({})
            text = function.stderr

        assert outcome.body == b'{"event": {}}'
        assert text.count("broken on purpose") == 1

    @pytest.mark.parametrize("path", ["edge/sdk_metrics.py", "edge/sdk_logs.py"])
    def test_what_is_loaded_when_it_is_used_is_broken(self, task, layer, path):
        (task / "app.py").write_text(
            "from opentelemetry import metrics\n"
            "from opentelemetry._logs import LogRecord, get_logger\n"
            "def handler(event, context):\n"
            "    metrics.get_meter('x').create_counter('x').add(1)\n"
            "    get_logger('x').emit(LogRecord(body='x'))\n"
            "    return {'event': event}\n"
        )
        self.broken(layer, path)

        (line,) = [line for line in answers(task, layer) if "broken on purpose" in line]

        assert line.startswith("otel-layer: cannot start the SDK's ")

    def test_the_function_s_own_opentelemetry_is_broken(self, task, layer):
        (task / "opentelemetry").mkdir()
        (task / "opentelemetry" / "__init__.py").write_text("raise RuntimeError('broken')\n")
        (task / "app.py").write_text("def handler(event, context):\n    return {'event': event}\n")

        (line,) = answers(task, layer)

        assert line.startswith("otel-layer: cannot start tracing: RuntimeError: broken (")
        assert line.endswith("); the function runs without traces")

    def test_the_function_s_own_opentelemetry_is_of_an_incompatible_version(self, task, layer):
        (task / "opentelemetry").mkdir()
        (task / "opentelemetry" / "__init__.py").write_text("")
        (task / "opentelemetry" / "trace.py").write_text("def get_tracer(): pass\n")
        (task / "app.py").write_text("def handler(event, context):\n    return {'event': event}\n")

        (line,) = answers(task, layer)

        assert "the function runs without traces" in line

    def test_an_instrumentor_is_broken(self, task, layer):
        self.broken(
            layer,
            "edge/instrumentors.py",
            (SOURCE / "otel_layer/edge/instrumentors.py")
            .read_text()
            .replace("RequestsInstrumentor", "NoSuchInstrumentor"),
        )
        (task / "app.py").write_text("import requests, urllib3\n" + APP)

        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, "app.handler", layer=layer) as function,
        ):
            api.invoke({})
            collector.wait_for_end("request-1")
            (line,) = function.our_lines

        assert line.startswith("otel-layer: cannot instrument requests: AttributeError: ")
        assert line.endswith("; its calls are not traced")


class TestSettings:
    """What is switched off does nothing; what cannot be used is named."""

    @pytest.mark.parametrize(
        "environ", [{"OTEL_SDK_DISABLED": "True"}, {"OTEL_TRACES_EXPORTER": "none"}]
    )
    def test_switched_off_it_is_silent(self, task, layer, environ):
        (task / "app.py").write_text(
            "import sys\ndef handler(event, context):\n"
            "    assert not any(name.startswith('opentelemetry') for name in sys.modules)\n"
            "    return {'event': event}\n"
        )

        assert answers(task, layer, environ=environ) == []

    def test_values_that_cannot_be_used_are_named_one_by_one(self, task, layer):
        environ = {
            "OTEL_TRACES_SAMPLER": "sometimes",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many",
            "OTEL_PROPAGATORS": "tracecontext,xray",
            "OTEL_RESOURCE_ATTRIBUTES": "a=1,b",
        }
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, "app.handler", layer=layer, environ=environ) as function,
        ):
            api.invoke({})
            collector.wait_for_end("request-1")
            lines = function.our_lines
            assert "sometimes" not in function.stdout

        assert lines == [
            "otel-layer: OTEL_RESOURCE_ATTRIBUTES: 'b' is not a key=value pair; leaving it out",
            (
                "otel-layer: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT='many' is not a non-negative whole"
                " number; using the default"
            ),
            (
                "otel-layer: OTEL_TRACES_SAMPLER='sometimes' is not a sampler of the SDK;"
                " using parentbased_always_on"
            ),
            "otel-layer: OTEL_PROPAGATORS: 'xray' is not installed; going on without it",
        ]

    def test_the_sampler_is_the_configured_one(self, task, layer):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(
                api, task, "app.handler", layer=layer, environ={"OTEL_TRACES_SAMPLER": "always_off"}
            ),
        ):
            api.invoke({})
            requests = collector.wait_for_end("request-1")

        assert [(request.phase, request.spans) for request in requests] == [("end", [])]

    @pytest.mark.parametrize("disabled", ["requests", "*", "Requests, urllib3"])
    def test_an_instrumentation_can_be_disabled(self, task, layer, disabled):
        (task / "app.py").write_text(
            "import sys, requests\n"
            "name = 'opentelemetry.instrumentation.requests'\n"
            "def handler(event, context):\n"
            "    assert name not in sys.modules\n"
            "    return {'event': event}\n"
        )
        environ = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled}

        assert "request" not in "".join(answers(task, layer, environ=environ, invocations=1))


def test_an_invocation_is_never_slowed_down_by_more_than_its_budget(task, layer):
    """Not a stopwatch: a hung collector must cost less than a tenth of what waiting would."""
    with (
        RuntimeApi() as api,
        LocalCollector(api.address, reads=False),
        FunctionProcess(api, task, "app.large", layer=layer),
    ):
        api.invoke(0, request_id="request-0")
        begun_at = time.monotonic()
        api.invoke(100, request_id="request-1")

        # A hundred spans, each of which would wait 100 ms.
        assert time.monotonic() - begun_at < 5

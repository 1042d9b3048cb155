"""Without the exec wrapper, and with a runtime client that is not the one we know."""

from __future__ import annotations

import json
import sys

import pytest

from tests.fakes.local_collector import LocalCollector, attributes
from tests.fakes.runtime_api import FunctionProcess, RuntimeApi, layer_from_source

APP = """
import os

AT_IMPORT = os.environ["_HANDLER"]


def handler(event, context):
    return [AT_IMPORT, os.environ["_HANDLER"]]


def raises(event, context):
    raise ValueError("the customer's own")
"""


@pytest.fixture
def layer(tmp_path):
    return layer_from_source(tmp_path / "layer")


@pytest.fixture
def task(tmp_path):
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "broken.py").write_text("import json\njson.loads('{')\n")
    return folder


class TestTheHandlerToConfigureByHand:
    """``otel_layer.handler.handler``, where the wrapper cannot be used."""

    def environ(self, layer, handler, variable="OTEL_LAYER_HANDLER"):
        return {"PYTHONPATH": str(layer / "python"), variable: handler}

    @pytest.mark.parametrize("variable", ["OTEL_LAYER_HANDLER", "ORIG_HANDLER"])
    def test_the_function_s_own_is_called_and_traced(self, task, layer, variable):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(
                api,
                task,
                "otel_layer.handler.handler",
                layer=None,
                environ=self.environ(layer, "app.handler", variable),
            ),
        ):
            outcome = api.invoke({})
            requests = collector.wait_for_end("request-1")

        assert json.loads(outcome.body) == ["app.handler", "app.handler"]
        assert [span.name for span in requests[-1].spans] == ["hello"]

    def test_together_with_the_wrapper_there_is_one_root(self, task, layer):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(
                api,
                task,
                "otel_layer.handler.handler",
                layer=layer,
                environ=self.environ(layer, "app.handler"),
            ),
        ):
            outcome = api.invoke({})
            requests = collector.wait_for_end("request-1")

        assert json.loads(outcome.body) == ["app.handler", "app.handler"]
        assert [span.name for span in requests[-1].spans] == ["hello"]

    @pytest.mark.parametrize("handler", ["app.missing", "missing.handler", "app", "broken.handler"])
    def test_a_start_that_fails_reads_as_without_us(self, task, layer, handler):
        def start(name, environ):
            with (
                RuntimeApi() as api,
                FunctionProcess(api, task, name, layer=None, environ=environ),
            ):
                return api.outcome("init").body

        by_hand = start("otel_layer.handler.handler", self.environ(layer, handler))

        assert by_hand == start(handler, {})

    def test_why_a_start_failed_is_told(self, task, layer):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(
                api,
                task,
                "otel_layer.handler.handler",
                layer=None,
                environ=self.environ(layer, "broken.handler"),
            ),
        ):
            (request,) = collector.wait_for(lambda requests: requests)

        (root,) = request.spans
        assert (request.phase, request.invocation_id) == ("start", None)
        assert attributes(root)["error.type"] == "json.decoder.JSONDecodeError"

    def test_an_exception_reads_as_without_us(self, task, layer):
        def invoke(name, environ):
            with (
                RuntimeApi() as api,
                FunctionProcess(api, task, name, layer=None, environ=environ),
            ):
                return api.invoke({}).body

        by_hand = invoke("otel_layer.handler.handler", self.environ(layer, "app.raises"))

        assert by_hand == invoke("app.raises", {})

    @pytest.mark.parametrize("handler", ["", "otel_layer.handler.handler"])
    def test_without_the_function_s_own_the_start_says_so(self, task, layer, handler):
        with (
            RuntimeApi() as api,
            FunctionProcess(
                api,
                task,
                "otel_layer.handler.handler",
                layer=None,
                environ=self.environ(layer, handler),
            ),
        ):
            error = api.outcome("init").error

        assert error["errorType"] == "SettingError"
        assert error["errorMessage"] == (
            f"OTEL_LAYER_HANDLER={handler!r} does not name the function's own handler"
        )


class TestTheImport:
    """``import otel_layer.auto``, in code that owns its entry point."""

    def test_under_the_runtime_the_handler_is_traced(self, task, layer):
        (task / "app.py").write_text("import otel_layer.auto\n" + APP)
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(
                api,
                task,
                "app.raises",
                layer=None,
                environ={"PYTHONPATH": str(layer / "python")},
            ),
        ):
            api.invoke({})
            outcome = api.invoke({}, request_id="request-2")
            requests = collector.wait_for_end("request-2")

        assert outcome.error["stackTrace"][0].count("app.py") == 1
        assert [span.name for span in requests[-1].spans] == ["hello"]

    def test_with_the_wrapper_it_changes_nothing(self, task, layer):
        (task / "app.py").write_text("import otel_layer.auto\n" + APP)
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, "app.handler", layer=layer),
        ):
            api.invoke({})
            requests = collector.wait_for_end("request-1")

        assert [span.name for one in requests[1:] for span in one.spans] == ["hello"]

    def run(self, task, layer, source):
        (task / "app.py").write_text(source + APP)
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(
                api,
                task,
                "app.handler",
                layer=None,
                environ={"PYTHONPATH": str(layer / "python")},
            ) as function,
        ):
            api.invoke({})
            api.invoke({}, request_id="request-2")
            api.invoke({}, request_id="request-3")
            return function.our_lines, list(collector.requests)

    def test_after_a_provider_of_the_sdk_roots_are_its_own_and_end(self, task, layer):
        lines, requests = self.run(
            task,
            layer,
            "from opentelemetry import trace\n"
            "from opentelemetry.sdk.resources import Resource\n"
            "from opentelemetry.sdk.trace import TracerProvider\n"
            "own = TracerProvider(resource=Resource({'own': 'yes'}), shutdown_on_exit=False)\n"
            "trace.set_tracer_provider(own)\n"
            "import otel_layer.auto\n",
        )

        started, ended = (
            [one for one in requests if (one.invocation_id, one.phase) == ("request-2", phase)]
            for phase in ("start", "end")
        )
        (root,) = ended[0].spans
        assert root.span_id == started[0].spans[0].span_id
        assert root.end_time_unix_nano
        assert lines == []

    def test_after_a_provider_of_another_kind_nothing_is_announced(self, task, layer):
        lines, requests = self.run(
            task,
            layer,
            "from opentelemetry import trace\n"
            "trace.set_tracer_provider(trace.NoOpTracerProvider())\n"
            "import otel_layer.auto\n",
        )

        assert requests == []
        (line,) = lines
        assert "the global tracer provider is a NoOpTracerProvider" in line

    def test_outside_the_runtime_spans_are_sent_as_they_end(self, task, layer):
        (task / "program.py").write_text(
            "import otel_layer.auto\n"
            "from opentelemetry import trace\n"
            "for n in range(3):\n"
            "    trace.get_tracer('x').start_span(f'span-{n}').end()\n"
            "input()\n"
        )
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(
                api,
                task,
                "program",
                layer=None,
                environ={"PYTHONPATH": str(layer / "python")},
                command=(sys.executable, str(task / "program.py")),
            ),
        ):
            requests = collector.wait_for(lambda requests: len(requests) == 3)

        assert [one.invocation_id for one in requests] == [None] * 3


UNKNOWN_RUNTIME = """
import importlib
import json
import os
import sys


class Context:
    aws_request_id = "request-1"


def run():
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    try:
        print(json.dumps(handler({}, Context())), flush=True)
    except ValueError as error:
        print(type(error).__name__, flush=True)
    sys.stdin.read()
"""


class TestARuntimeWeDoNotKnow:
    """Nothing of what we hook is there."""

    @pytest.fixture
    def command(self, task):
        package = task / "awslambdaric"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "bootstrap.py").write_text(UNKNOWN_RUNTIME)
        (package / "__main__.py").write_text("from . import bootstrap\nbootstrap.run()\n")
        return (sys.executable, "-m", "awslambdaric")

    def run(self, task, layer, handler, command):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, handler, layer=layer, command=command) as function,
        ):
            requests = collector.wait_for_end("request-1")
            function.wait()
            assert function.our_lines == []
            return function.stdout, requests

    def test_the_handler_is_found_by_its_variable_which_reads_as_before(self, task, layer, command):
        stdout, requests = self.run(task, layer, "app.handler", command)

        assert json.loads(stdout) == ["app.handler", "app.handler"]
        assert [span.name for span in requests[-1].spans] == ["hello"]

    def test_the_invocation_ends_when_the_handler_does(self, task, layer, command):
        stdout, requests = self.run(task, layer, "app.raises", command)

        assert stdout == "ValueError\n"
        assert attributes(requests[-1].spans[0])["error.type"] == "ValueError"

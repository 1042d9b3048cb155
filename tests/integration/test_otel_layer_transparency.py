"""The first promise: the function's results, errors and surroundings are what they are without us.

Each story is told twice, to the same function without the layer and with it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.http_service import HttpService
from tests.fakes.local_collector import LocalCollector
from tests.fakes.runtime_api import FunctionProcess, RuntimeApi, layer_from_source

VARYING = re.compile(r"0x[0-9a-f]+|\d{4}-\d\d-\d\dT[\d:.]+Z|127\.0\.0\.1:\d\d+")
"""Addresses in memory, times, the address of the Runtime API: different at every run."""

APP = """
import os
import subprocess
import sys

import requests
import urllib3


def result(event, context):
    return {"event": event, "id": context.aws_request_id, "list": [1, None, "ü"]}


def environment(event, context):
    child = [sys.executable, "-c", "import os; print(sorted(os.environ.items()))"]
    return {
        "environ": sorted(os.environ.items()),
        "child": subprocess.check_output(child, text=True),
        "meta_path": [str(type(one)) for one in sys.meta_path if "otel_layer" not in str(one)],
    }


class Nested:
    @staticmethod
    def handler(event, context):
        return "nested"


def raises(event, context):
    def inner(n):
        if n == 0:
            raise ValueError("the customer's own")
        inner(n - 1)

    try:
        inner(3)
    except ValueError as error:
        raise KeyError("another") from error


def raises_in_requests(event, context):
    requests.get("http://127.0.0.1:1/")


def raises_in_urllib3(event, context):
    urllib3.PoolManager().request("GET", "http://127.0.0.1:1/", retries=2)


def calls(event, context):
    pool = urllib3.connection_from_url(event, headers={"X-Own": "1"})
    pool.urlopen("GET", "/urlopen")
    pool.urlopen("POST", "/urlopen", b"body", None)
    pool.request("GET", "/request", headers={"X-Other": "2"})
    session = requests.Session()
    session.headers["X-Own"] = "1"
    session.post(event + "/requests", data=b"body")


def raises_without_text(event, context):
    raise AssertionError


def no_arguments():
    pass


def unserialisable(event, context):
    return {"file": sys.stdout}


def not_called(event, context):
    raise AssertionError("the event cannot be read")


sorted_ = sorted
nested = Nested.handler
"""

STORIES = {
    "a result": "app.result",
    "a class in the name": "app.nested",
    "an exception with its cause": "app.raises",
    "an exception in requests": "app.raises_in_requests",
    "an exception in urllib3": "app.raises_in_urllib3",
    "an exception without a text": "app.raises_without_text",
    "a handler that takes no arguments": "app.no_arguments",
    "a handler without a frame of its own": "app.sorted_",
    "a result that is no JSON": "app.unserialisable",
    "a module in a package": "pkg/app.handler",
    "the same with dots": "pkg.app.handler",
    "a file that is called bootstrap.py": "bootstrap.handler",
}

FAILING_STARTS = {
    "no such module": "missing.handler",
    "no such handler": "app.missing",
    "no dot in the name": "app",
    "a built-in module": "sys.exit",
    "a syntax error": "syntax_error.handler",
    "an exception while it is imported": "raising.handler",
    "an import that fails in a library": "library.handler",
    "an import that fails in a library, dynamically": "dynamic.handler",
    "the library itself": "requests.handler",
    "a relative name": "./app.handler",
}


@pytest.fixture
def layer(tmp_path):
    return layer_from_source(tmp_path / "layer")


@pytest.fixture
def task(tmp_path):
    folder = tmp_path / "task"
    (folder / "pkg").mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    (folder / "pkg" / "app.py").write_text("def handler(event, context):\n    return __name__\n")
    (folder / "bootstrap.py").write_text("def handler(event, context):\n    return event['x']\n")
    return folder


@pytest.fixture
def broken_task(tmp_path):
    folder = tmp_path / "broken_task"
    folder.mkdir()
    (folder / "app.py").write_text("")
    (folder / "syntax_error.py").write_text("def handler(event, context):\n    return (\n")
    (folder / "raising.py").write_text("import json\njson.loads('{')\n")
    (folder / "library.py").write_text("import requests\n")
    (folder / "dynamic.py").write_text("import importlib\nimportlib.import_module('requests')\n")
    (folder / "requests.py").write_text(
        "def _start():\n    raise RuntimeError('broken')\n_start()\n"
    )
    return folder


def told(task, handler, layer, events=({},), environ=None):
    """What the runtime posts for each event, and what it writes to its log."""
    with (
        RuntimeApi() as api,
        LocalCollector(api.address),
        FunctionProcess(api, task, handler, layer=layer, environ=environ) as function,
    ):
        bodies = [
            api.invoke(event, request_id=f"request-{n}").body.decode()
            for n, event in enumerate(events)
        ]
        text = "\n".join([*bodies, function.stdout, function.stderr])
    return VARYING.sub("…", text)


class TestAnInvocation:
    """Byte for byte what the runtime posts without us, and what it logs."""

    @pytest.mark.parametrize("handler", STORIES.values(), ids=STORIES)
    def test_it_reads_the_same(self, handler, task, layer):
        events = ({"a": 1}, [1, "x"], None, "text", 7)

        assert told(task, handler, layer, events) == told(task, handler, None, events)

    def test_an_event_that_cannot_be_read_is_the_runtime_s_error(self, task, layer):
        with_layer = told(task, "app.not_called", layer, (b"{no JSON",))

        assert with_layer == told(task, "app.not_called", None, (b"{no JSON",))
        assert "Runtime.UnmarshalError" in with_layer

    def test_it_reads_the_same_in_json(self, task, layer):
        json = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}

        with_layer = told(task, "app.raises", layer, environ=json)

        assert with_layer == told(task, "app.raises", None, environ=json)


class TestCalls:
    """What a service is sent differs by the trace context, and by nothing else."""

    def test_they_are_the_customer_s(self, task, layer):
        def sent(with_layer):
            with HttpService() as service:
                told(task, "app.calls", with_layer, (service.url,))
            return [
                (call.method, call.path, {**call.headers, "host": ""}, call.body)
                for call in service.calls
            ]

        with_layer = sent(layer)

        assert all(headers.pop("traceparent") for _, _, headers, _ in with_layer)
        assert with_layer == sent(None)


class TestAStartThatFails:
    """The runtime says what is wrong with the customer's module, as always."""

    @pytest.mark.parametrize("handler", FAILING_STARTS.values(), ids=FAILING_STARTS)
    def test_it_reads_the_same(self, handler, broken_task, layer):
        def start(with_layer):
            with (
                RuntimeApi() as api,
                FunctionProcess(api, broken_task, handler, layer=with_layer) as function,
            ):
                posted = api.outcome("init")
                assert function.wait() == 1
                text = f"{posted.kind} {posted.body!r} {function.stdout} {function.stderr}"
                return VARYING.sub("…", text)

        assert start(layer) == start(None)


class TestTheSurroundings:
    """The environment of the function and of its children is the customer's."""

    @pytest.mark.parametrize("pythonpath", [None, "", "/a", "/a:", ":/a:/b"])
    def test_nothing_of_ours_is_in_it(self, task, layer, pythonpath):
        variables = {} if pythonpath is None else {"PYTHONPATH": pythonpath}

        with_layer = told(task, "app.environment", layer, environ=variables)

        assert with_layer == told(task, "app.environment", None, environ=variables)
        assert str(layer) not in with_layer

    def test_the_path_ends_with_the_layer_and_is_else_the_same(self, task, layer):
        (task / "path.py").write_text(
            "import sys\ndef handler(event, context):\n    return sys.path\n"
        )

        def path(with_layer):
            with (
                RuntimeApi() as api,
                FunctionProcess(api, task, "path.handler", layer=with_layer),
            ):
                return eval(api.invoke({}).body)  # noqa: S307  # a list of strings

        assert path(layer) == [*path(None), str(layer / "python")]

    def test_what_the_function_ships_comes_before_what_the_layer_ships(self, task, layer):
        (layer / "python" / "shared.py").write_text("origin = 'layer'\n")
        (task / "shared.py").write_text("origin = 'function'\n")
        (task / "ships.py").write_text(
            "import shared\ndef handler(event, context):\n    return shared.origin\n"
        )

        assert '"function"' in told(task, "ships.handler", layer)


class TestASitecustomizeOfTheCustomer:
    """It is run as if ours were not in front of it."""

    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "customer"
        folder.mkdir()
        return folder

    def run(self, wrapper, folder, program):
        finished = subprocess.run(
            [*wrapper, sys.executable, "-c", program],
            env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        return finished.stdout, finished.stderr, finished.returncode

    @pytest.mark.parametrize(
        "source",
        [
            "import sys; sys.customer_was_here = __file__",
            "raise ValueError('the customer cannot start')",
            "import not_there",
        ],
    )
    def test_it_does_what_it_does(self, folder, layer, source):
        (folder / "sitecustomize.py").write_text(source)
        program = (
            "import sys, sitecustomize as s; print(getattr(sys, 'customer_was_here', s.__file__))"
        )
        if "raise" in source or "not_there" in source:
            program = "print('it goes on')"

        with_layer = self.run([str(layer / "otel-instrument")], folder, program)

        assert with_layer == self.run([], folder, program)


def test_the_source_tree_has_the_wrapper_where_it_is_tested(layer):
    assert Path(layer, "otel-instrument").stat().st_mode & 0o111

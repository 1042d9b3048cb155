"""Calls of the instrumented libraries, which end as they would without an instrumentor."""

from __future__ import annotations

import subprocess
import sys

import pytest

PRELUDE = """
import socket, threading, sys
from otel_layer.edge.import_hook import ImportHook
from otel_layer.edge.instrumentors import instrument
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield

hook = ImportHook()
hook.install()
instrument(hook, (), Shield(Log(as_json=False)))


class Service:
    # Answers one request, if wanted with a length that is told twice.
    def __init__(self, length='2'):
        self._length = length.encode()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.request = b""
        self._listening.settimeout(10)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with self._listening, self._listening.accept()[0] as connection:
            while b"\\r\\n\\r\\n" not in self.request:
                self.request += connection.recv(65536)
            connection.sendall(
                b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n"
                b"Content-Length: " + self._length + b"\\r\\n\\r\\nok"
            )

    def joined(self):
        self._thread.join(20)
        return self.request.decode().lower()


"""


def run(program):
    """Run a program with both libraries instrumented; what it says, and what we say."""
    finished = subprocess.run(
        [sys.executable, "-c", PRELUDE + program], check=False, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split(), finished.stderr.splitlines()


class TestUrllib3:
    """Requests as they would be, responses as they are."""

    @pytest.mark.parametrize(
        "arguments", ["'GET', '/'", "'GET', '/', headers=None", "'GET', '/', None, None"]
    )
    def test_a_pool_s_own_headers_are_sent(self, arguments):
        said, _ = run(
            "import urllib3\n"
            "service = Service()\n"
            "pool = urllib3.HTTPConnectionPool('127.0.0.1', service.port, headers={'X-Own': '1'})\n"
            f"pool.urlopen({arguments})\n"
            "print('x-own: 1' in service.joined(), pool.headers)\n"
        )

        assert said == ["True", "{'X-Own':", "'1'}"]

    def test_headers_of_a_call_replace_them_as_always(self):
        said, _ = run(
            "import urllib3\n"
            "service = Service()\n"
            "pool = urllib3.HTTPConnectionPool('127.0.0.1', service.port, headers={'X-Own': '1'})\n"
            "pool.urlopen('GET', '/', headers={'X-Other': '2'})\n"
            "print('x-own: 1' in service.joined(), 'x-other: 2' in service.joined())\n"
        )

        assert said == ["False", "True"]

    def test_a_response_that_the_instrumentor_cannot_read_is_handed_out(self):
        said, ours = run(
            "import urllib3\n"
            "for _ in range(2):\n"
            "    service = Service('2, 2')\n"
            "    print(urllib3.PoolManager().request('GET', service.url).data.decode())\n"
            "    service.joined()\n"
        )

        assert said == ["ok", "ok"]
        assert len(ours) == 1
        assert ours[0].startswith("otel-layer: cannot trace a call of urllib3: ValueError")

    def test_an_error_of_the_call_is_the_library_s(self):
        said, ours = run(
            "import urllib3\n"
            "try:\n"
            "    urllib3.PoolManager().request('GET', 'http://127.0.0.1:1/', retries=0)\n"
            "except urllib3.exceptions.MaxRetryError as error:\n"
            "    print(type(error.__cause__).__name__)\n"
        )

        assert said == ["NewConnectionError"]
        assert ours == []

    def test_it_can_be_uninstrumented_as_always(self):
        said, _ = run(
            "import urllib3\n"
            "from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor\n"
            "URLLib3Instrumentor().uninstrument()\n"
            "print(hasattr(urllib3.HTTPConnectionPool.urlopen, '__wrapped__'))\n"
        )

        assert said == ["False"]


FAULTY = """
import requests
from opentelemetry.instrumentation import requests as instrumentor

def fail(*_, **__):
    raise KeyError("a fault of the instrumentor")

"""


class TestRequests:
    """The same promise."""

    @pytest.mark.parametrize(
        "place", ["sanitize_method", "inject", "_set_http_status_code_attribute"]
    )
    def test_a_fault_of_the_instrumentor_costs_the_span(self, place):
        said, ours = run(
            FAULTY + f"instrumentor.{place} = fail\n"
            "service = Service()\n"
            "print(requests.get(service.url).text)\n"
            "print(service.joined().count('get / '))\n"
        )

        assert said == ["ok", "1"]
        assert len(ours) == 1
        assert ours[0].startswith("otel-layer: cannot trace a call of requests: KeyError")

    def test_a_fault_after_an_error_leaves_the_error(self):
        said, ours = run(
            FAULTY + "import traceback\n"
            "instrumentor.default_timer = iter([1.0]).__next__\n"
            "try:\n"
            "    requests.get('http://127.0.0.1:1/')\n"
            "except requests.ConnectionError:\n"
            "    print('StopIteration' in traceback.format_exc())\n"
        )

        assert said == ["False"]
        assert len(ours) == 1
        assert "StopIteration" in ours[0]

    def test_it_can_be_uninstrumented_as_always(self):
        said, _ = run(
            "import requests, inspect\n"
            "instrumented = requests.Session.send\n"
            "print(*inspect.signature(instrumented).parameters)\n"
            "from opentelemetry.instrumentation.requests import RequestsInstrumentor\n"
            "RequestsInstrumentor().uninstrument()\n"
            "print(hasattr(requests.Session.send, '__wrapped__'))\n"
        )

        assert said == ["self", "request", "kwargs", "False"]


class TestAnInstrumentorThatIsBeingImported:
    """The customer's code may import it first: it imports the library itself."""

    @pytest.mark.parametrize(
        ("library", "method"),
        [("requests", "Session.send"), ("urllib3", "HTTPConnectionPool.urlopen")],
    )
    def test_the_library_is_instrumented_when_it_is_ready(self, library, method):
        said, ours = run(
            f"import opentelemetry.instrumentation.{library}\n"
            f"import {library}\n"
            f"print(hasattr({library}.{method}, '__wrapped__'))\n"
        )

        assert said == ["True"]
        assert ours == []

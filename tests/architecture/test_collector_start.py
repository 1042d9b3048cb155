"""What the collector may load before it has asked for its first event.

Lambda starts the runtime when every extension has registered: each module in the list delays
every cold start. A list does not flake; milliseconds are bench/'s business.
"""

from __future__ import annotations

import ast
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from tests.fakes.collector_process import SOURCE, CollectorProcess
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.otlp_remote import FakeRemote

ALLOWED = {
    "_socket",
    "posix",
    "time",
    "collector_ext",
    "collector_ext.session",
    "collector_ext.start",
}
"""Beyond what a bare interpreter loads."""

LOADED_ON_ANY_PYTHON = ["__init__.py", "session.py", "start.py", "edge/__init__.py", "edge/log.py"]

PROBE = """
import sys
bare = set(sys.modules)
import _socket
plain = _socket.socket
class Probed(plain):
    def sendall(self, data):
        plain.sendall(self, data)
        if b"/extension/event/next" in data:
            with open({result!r}, "w") as file:
                file.write(" ".join(set(sys.modules) - bare))
            import os
            os._exit(0)
_socket.socket = Probed
code, sys.argv = sys.argv[4], ["-c", *sys.argv[5:]]
exec(code)
"""
"""Run in place of ``python3 -I -S -c CODE``: stops the process when it has sent its first next."""


def test_nothing_else_is_loaded_before_the_first_next(tmp_path):
    result = tmp_path / "modules"
    probe = tmp_path / "probe.py"
    probe.write_text(PROBE.format(result=str(result)))
    python = f"{sys.executable} -I -S {probe}"

    with (
        FakeLambdaApi() as lambda_,
        CollectorProcess(tmp_path, lambda_.address, python=python) as collector,
    ):
        collector.wait()

    assert set(result.read_text().split()) <= ALLOWED
    assert "collector_ext.start" in result.read_text()


@pytest.mark.parametrize("module", LOADED_ON_ANY_PYTHON)
def test_what_idles_on_an_old_python_parses_there(module):
    source = (SOURCE / "collector_ext" / module).read_text()

    tree = ast.parse(source, feature_version=(3, 6))

    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert "__future__" not in imported, "3.6 has no `annotations` there"


def test_the_start_file_runs_no_other_program():
    lines = (SOURCE / "config" / "collector_ext").read_text().splitlines()
    code = [line for line in lines if not line.startswith("#")]

    assert not any("$(" in line or "`" in line or "|" in line.replace("||", "") for line in code)
    assert os.access(SOURCE / "config" / "collector_ext", os.X_OK)


EXPORT = """
import sys; sys.path.insert(0, sys.argv[1])
from collector_ext.core.config.variables import configuration_from
from collector_ext.core.otlp import PROTOBUF, TRACES, ExportRequest, Payload
from collector_ext.edge import clock
from collector_ext.edge.senders.otlp_http import sender_of
names = {"OTEL_EXPORTER_OTLP_ENDPOINT": sys.argv[2], "OTEL_EXPORTER_OTLP_CERTIFICATE": sys.argv[3]}
(settings,) = configuration_from(names).exporters.values()
payload = Payload(TRACES, PROTOBUF, b"", 1, is_suspect=False)
request = ExportRequest(settings.id, TRACES, (payload,))
sender_of(settings, own_ports=()).send(request, clock.now() + 20)
print(' '.join(sys.modules))
"""


@pytest.mark.parametrize("is_tls", [False, True])
def test_an_export_does_not_load_what_international_names_need(tmp_path, is_tls):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with FakeRemote(tls=context if is_tls else None) as remote:
        url = remote.url.replace("127.0.0.1", "localhost")
        finished = subprocess.run(
            [sys.executable, "-I", "-S", "-c", EXPORT, str(SOURCE), url, str(tmp_path / "ca.pem")],
            check=True,
            capture_output=True,
            text=True,
        )

    assert {"encodings.idna", "stringprep"} & set(finished.stdout.split()) == set()


def test_the_rest_needs_none_of_the_slow_modules():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import collector_ext.collector;"
        "print(' '.join(sys.modules))"
    )
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(Path(SOURCE))],
        check=True,
        capture_output=True,
        text=True,
    )

    slow = {"asyncio", "dataclasses", "email", "enum", "json", "logging", "os", "re", "socket"}
    slow |= {"ssl", "threading", "typing", "urllib"}
    wanted = {"collector_ext.core.platform", "collector_ext.core.delivery.report", "struct"}
    wanted |= {"collector_ext.core.function_logs", "collector_ext.core.otlp_logs"}
    assert (slow | wanted) & set(finished.stdout.split()) == set()

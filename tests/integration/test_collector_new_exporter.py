"""Adding an exporter touches one new file and one table.

The file is tests/fakes/udp_exporter.py, of a type that the collector does not have.
"""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest
import yaml

from collector_ext.commands.explain import explain
from collector_ext.commands.validate import validate
from collector_ext.core.config.own import without_ourselves
from collector_ext.edge.config_sources import document
from collector_ext.edge.senders import table
from collector_ext.version import VERSION
from scripts.configuration import component_tables
from tests.fakes import udp_exporter
from tests.fakes.collector_process import SOURCE, CollectorProcess
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.trace_requests import export_request, span_id

A, B = export_request(("a", span_id(1))), export_request(("b", span_id(2)))
PATIENCE_S = 20.0
DATAGRAM_BYTES_MAX = 65_536

DOCUMENT = """\
receivers: {otlp: }
exporters:
  udp/here:
    endpoint: %s
    retry_on_failure: {enabled: true}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [udp/here]}
    logs: {receivers: [otlp], exporters: [udp/here]}
"""


@pytest.fixture
def write(tmp_path):
    """Writes the document with an endpoint, and returns where it is."""

    def write(endpoint):
        path = tmp_path / "collector.yaml"
        path.write_text(DOCUMENT % endpoint)
        return path

    return write


def run(command, path):
    """The exit status of a command about a document, and what it said."""
    lines: list[str] = []
    return command(str(path), {}, lines.append), lines


class TestWithoutItsLineInTheTable:
    """There is no such exporter."""

    def test_it_is_named_and_left_out(self, write):
        path = write("localhost:8125")

        status, lines = run(validate, path)

        fault = f"{path}:3: exporters.udp/here is not in this collector; it is left out"
        assert (status, lines[0]) == (2, f"fault    {fault}")


class TestWithItsLineInTheTable:
    """It is as the others are, wherever exporters are spoken of."""

    @pytest.fixture(autouse=True)
    def line(self, monkeypatch):
        """One line more in the table."""
        monkeypatch.setitem(table.MODULES, "udp", udp_exporter.__name__)

    def test_its_settings_are_validated(self, write):
        path = write("localhost:8125")

        status, lines = run(validate, path)

        ignored = "exporters.udp/here.retry_on_failure is ignored"
        assert status == 0
        assert lines == [
            f"ignored  {path}:5: {ignored}: nobody says whether one has arrived",
            "udp/here",
            "    endpoint  localhost:8125",
            "sound: 0 faults; exported are traces, logs",
        ]

    def test_what_is_wrong_with_them_is_said(self, write):
        path = write("''")

        status, lines = run(validate, path)

        fault = f"{path}:3: exporters.udp/here has no endpoint; nothing is exported to it"
        assert (status, lines[0]) == (2, f"fault    {fault}")

    def test_its_place_in_the_pipelines_is_explained(self, write):
        _, lines = run(explain, write("localhost:8125"))

        assert lines.count("    => udp/here: udp://localhost:8125") == 2

    def test_it_is_left_out_where_it_is_this_collector_itself(self, write):
        found = document(str(write("localhost:8125")), {}, named_by="").configuration({})

        left, said = without_ourselves(found, (8125,))

        assert left.exporters == {}
        assert said[0].startswith("udp://localhost:8125 is this collector itself; ")

    def test_its_keys_are_documented(self):
        _, title, tables = component_tables().partition("### exporters: `udp`\n")

        assert title
        assert "| `endpoint` | a text |  | host:port, to which datagrams are sent |" in (
            tables.partition("###")[0].splitlines()
        )


class TestInTheLayer:
    """The real process exports by it."""

    @pytest.fixture
    def peer(self):
        """Where datagrams arrive."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(PATIENCE_S)
            yield peer

    @pytest.fixture
    def modules(self, tmp_path):
        """The collector's modules, with the new file among them and its line in the table."""
        modules = tmp_path / "built" / "collector_ext"
        shutil.copytree(SOURCE / "collector_ext", modules)
        senders = modules / "edge" / "senders"
        shutil.copy(udp_exporter.__file__, senders / "udp.py")
        text = (senders / "table.py").read_text()
        line = '    "udp": f"{_HERE}.udp",\n'
        (senders / "table.py").write_text(text.replace("MODULES = {\n", "MODULES = {\n" + line))
        for root in (modules.parent, tmp_path / "layer"):
            root.mkdir(exist_ok=True)
            (root / "collector-lib").mkdir()
            (root / "collector-lib" / "yaml").symlink_to(Path(yaml.__file__).parent)
        return modules

    def test_what_an_invocation_sent_goes_to_it(self, stack, tmp_path, peer, modules, write):
        port = peer.getsockname()[1]
        lambda_ = stack.enter_context(FakeLambdaApi())
        variables = {"OPENTELEMETRY_COLLECTOR_CONFIG_URI": str(write(f"127.0.0.1:{port}"))}
        collector = stack.enter_context(
            CollectorProcess(tmp_path, lambda_.address, variables, modules=modules)
        )
        lambda_.wait_until_asked(1)
        lambda_.invokes("r-1")

        collector.tell("r-1", "", A)
        collector.tell("r-1", "end", B)
        lambda_.wait_until_asked(2)

        assert peer.recv(DATAGRAM_BYTES_MAX) == A + B
        (start,) = collector.start_lines
        where = f"traces, logs to udp://127.0.0.1:{port}"
        assert start.endswith(f"version {VERSION} exports {where} (udp)")
        assert [line for line in collector.lines if " WARN " in line] == []

"""The debug exporter, as it is read on the collector's stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from collector_ext.core.delivery import failures
from collector_ext.core.events import Delivered, Refused
from collector_ext.core.otlp import JSON, PROTOBUF, TRACES, ExportRequest
from collector_ext.edge.log import Log
from collector_ext.edge.senders import debug
from collector_ext.edge.senders.debug import Debug
from tests.fakes.payloads import payload_of
from tests.fakes.trace_requests import TRACE_ID, export_request, span_id

A = export_request(("a\nb", span_id(1)))
ROOT = Path(__file__).resolve().parents[2]
DEADLINE_AT = 0.0  # it waits for nobody


def request_of(body, content_type=PROTOBUF):
    return ExportRequest("debug", TRACES, (payload_of(TRACES, content_type, body),))


@pytest.fixture
def said(capfd):
    """Return the lines on stdout since."""

    def lines():
        return capfd.readouterr().out.splitlines()

    return lines


class TestTheLog:
    """Telemetry is in it, in its own form."""

    def test_each_line_begins_like_all_of_them_and_with_the_id(self, said):
        exporter = debug.sender_of(Debug("debug/mine", "normal"), own_ports=())
        request = request_of(A)

        outcome = exporter.send(request, DEADLINE_AT)
        exporter.close()

        assert outcome == Delivered(request, 0, "")
        assert said() == [
            "otel-layer INFO debug/mine: traces: 1 span of 1 resource",
            (
                f"otel-layer INFO debug/mine: a b trace_id={TRACE_ID.hex()} "
                f"span_id={span_id(1).hex()} 1000.000ms"
            ),
        ]

    def test_where_the_log_is_json_each_line_is_json(self, said):
        log = Log(is_json=True)
        exporter = debug.sender_of(Debug("debug", "detailed"), own_ports=(), log=log)

        exporter.send(request_of(A), DEADLINE_AT)

        messages = [json.loads(line)["message"] for line in said()]
        assert messages[:3] == [
            "debug: traces: 1 span of 1 resource",
            "debug: resourceSpans[0]:",
            "debug:   resource:",
        ]

    def test_requests_in_json_are_said_alike(self, said):
        exporter = debug.sender_of(Debug("debug", "normal"), own_ports=())
        text = b'{"resource_spans": [{"scopeSpans": [{"spans": [{"name": "c"}]}]}]}'

        exporter.send(request_of(text, JSON), DEADLINE_AT)

        assert said() == [
            "otel-layer INFO debug: traces: 1 span of 1 resource",
            "otel-layer INFO debug: c trace_id= span_id= open",
        ]

    @pytest.mark.parametrize(("body", "content_type"), [(A[:-1], PROTOBUF), (b"{", JSON)])
    def test_what_cannot_be_read_is_refused(self, said, body, content_type):
        exporter = debug.sender_of(Debug("debug", "basic"), own_ports=())

        outcome = exporter.send(request_of(body, content_type), DEADLINE_AT)

        assert isinstance(outcome, Refused)
        assert outcome.failure.kind is failures.CONTENT
        assert outcome.failure.reason.startswith("it cannot be read:")
        assert said() == []


class TestItsPrice:
    """What is not needed is not imported."""

    def test_reading_json_and_writing_lines_does_without_the_json_package(self):
        code = (
            "import sys; sys.path[:0] = sys.argv[1:]; import collector_ext.edge.senders.debug; "
            "print({'json', 're', 'os', 'typing'} & set(sys.modules))"
        )
        command = [sys.executable, "-I", "-S", "-c", code, str(ROOT)]

        found = subprocess.run(command, capture_output=True, check=True, text=True)

        assert found.stdout == "set()\n"

"""The file exporter on real files."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collector_ext.core.delivery import failures
from collector_ext.core.events import Delivered, Failed, Refused
from collector_ext.core.otlp import JSON, PROTOBUF, TRACES, ExportRequest
from collector_ext.core.transcode.to_json import protobuf_to_json
from collector_ext.edge.senders import file
from collector_ext.edge.senders.file import File
from tests.fakes.outcomes import failed
from tests.fakes.payloads import payload_of
from tests.fakes.room import room_for
from tests.fakes.trace_requests import export_request, span_id

A, B = export_request(("a", span_id(1))), export_request(("b", span_id(2)))
DEADLINE_AT = 0.0  # it waits for nobody


def request_of(*bodies, content_type=PROTOBUF):
    payloads = [payload_of(TRACES, content_type, body) for body in bodies]
    return ExportRequest("file", TRACES, tuple(payloads))


def unwritten(request, what):
    return failed(request, f"cannot write to {what}", failures.LOCAL)


def sender(path, *, is_json=True):
    return file.sender_of(File("file", str(path), is_json=is_json), own_ports=())


@pytest.fixture
def path(tmp_path):
    """A file that is not there yet, nor is its folder."""
    return tmp_path / "telemetry" / "traces"


def descriptors():
    """What this process has open."""
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


class TestJson:
    """A line for each request."""

    def test_requests_are_appended_line_by_line(self, path):
        exporter = sender(path)
        first, second = request_of(A, B), request_of(A)

        outcomes = [exporter.send(first, DEADLINE_AT), exporter.send(second, DEADLINE_AT)]

        assert outcomes == [Delivered(first, 0, ""), Delivered(second, 0, "")]
        assert [json.loads(line) for line in path.read_bytes().splitlines()] == [
            protobuf_to_json(TRACES, A + B),
            protobuf_to_json(TRACES, A),
        ]

    def test_what_there_was_stays(self, path):
        path.parent.mkdir()
        path.write_text("before\n")

        sender(path).send(request_of(A), DEADLINE_AT)

        assert path.read_text().startswith('before\n{"resourceSpans":')

    def test_json_as_it_was_received_is_put_into_one_line(self, path):
        text = b'{\r\n  "resourceSpans": [],\n  "a": "\\n"\n}\n'

        sender(path).send(request_of(text, content_type=JSON), DEADLINE_AT)

        (line,) = path.read_bytes().splitlines()
        assert json.loads(line) == {"resourceSpans": [], "a": "\n"}


class TestProtobuf:
    """Each request after its length."""

    def test_requests_can_be_read_one_after_the_other(self, path):
        exporter = sender(path, is_json=False)

        exporter.send(request_of(A, B), DEADLINE_AT)
        exporter.send(request_of(b'{"resourceSpans":[{}]}', content_type=JSON), DEADLINE_AT)

        empty = ExportTraceServiceRequest()
        empty.resource_spans.add()
        rest = empty.SerializeToString()
        assert path.read_bytes() == (
            len(A + B).to_bytes(4, "big") + A + B + len(rest).to_bytes(4, "big") + rest
        )


class TestTheFile:
    """It is the function's own."""

    def test_nobody_else_may_read_it(self, path):
        sender(path).send(request_of(A), DEADLINE_AT)

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    def test_one_that_was_moved_away_is_begun_anew(self, path):
        exporter = sender(path)
        exporter.send(request_of(A), DEADLINE_AT)
        path.rename(path.with_name("moved"))

        exporter.send(request_of(B), DEADLINE_AT)

        assert json.loads(path.read_bytes()) == protobuf_to_json(TRACES, B)

    def test_nothing_is_left_open(self, path):
        exporter = sender(path)
        before = descriptors()

        exporter.send(request_of(A), DEADLINE_AT)
        exporter.close()

        assert descriptors() == before

    @pytest.mark.parametrize("name", ["traces.json", "~/traces.json", ""])
    def test_its_path_has_to_be_absolute(self, name):
        with pytest.raises(ValueError, match=f"path '{name}' does not begin with /"):
            sender(name)


class TestFaults:
    """They are the outcome, and the file stays readable."""

    def test_a_file_that_cannot_be_opened(self, path):
        path.mkdir(parents=True)
        request = request_of(A)

        outcome = sender(path).send(request, DEADLINE_AT)

        assert outcome == unwritten(request, f"{path}: Is a directory")

    def test_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "traces").touch()
        request = request_of(A)

        outcome = sender(tmp_path / "traces" / "file").send(request, DEADLINE_AT)

        assert outcome == unwritten(request, f"{tmp_path}/traces/file: Not a directory")

    def test_a_disk_that_is_full(self):
        request = request_of(A)

        outcome = sender("/dev/full").send(request, DEADLINE_AT)

        assert outcome == unwritten(request, "/dev/full: No space left on device")

    def test_when_the_room_is_used_up_no_half_of_a_request_stays(self, path):
        exporter = sender(path)
        exporter.send(request_of(A), DEADLINE_AT)
        whole = path.read_bytes()
        request = request_of(B)

        with room_for(len(whole) + 10):
            outcome = exporter.send(request, DEADLINE_AT)

        assert outcome == unwritten(request, f"{path}: File too large")
        assert path.read_bytes() == whole

    def test_a_pipe_that_nobody_reads_holds_nobody(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        request = request_of(A)

        outcome = sender(tmp_path / "pipe").send(request, DEADLINE_AT)

        assert isinstance(outcome, Failed)

    def test_a_pipe_that_is_full_holds_nobody(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        request = request_of(*[A] * 1000)
        try:
            outcome = sender(tmp_path / "pipe").send(request, DEADLINE_AT)
        finally:
            os.close(reader)

        assert outcome == unwritten(request, f"{tmp_path}/pipe: Resource temporarily unavailable")

    @pytest.mark.parametrize("is_json", [True, False])
    def test_a_request_that_cannot_be_transcoded_is_refused(self, path, is_json):
        request = request_of(A[:-1]) if is_json else request_of(b"{", content_type=JSON)

        outcome = sender(path, is_json=is_json).send(request, DEADLINE_AT)

        assert isinstance(outcome, Refused)
        assert outcome.failure.kind is failures.CONTENT
        assert outcome.failure.reason.startswith("it cannot be read:")
        assert not path.exists()

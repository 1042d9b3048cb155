"""What outlives the collector's process: payloads in /tmp, where the environment is reset."""

from __future__ import annotations

import contextlib
import signal
from itertools import count

import pytest

from tests.fakes.collector_process import CollectorProcess
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.otlp_remote import FakeRemote
from tests.fakes.trace_requests import export_request, span_id

A, B = export_request(("a", span_id(1))), export_request(("b", span_id(2)))


class Environment:
    """One environment: its /tmp, its endpoint, and one collector after another."""

    def __init__(self, folder, remote):
        self._folder = folder
        self._numbers = count()
        self.remote = remote
        self.kept = folder / "kept"

    @contextlib.contextmanager
    def process(self, **variables):
        """A collector, from its first ``next`` on, with an invocation in progress."""
        folder = self._folder / f"process-{next(self._numbers)}"
        folder.mkdir()
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.remote.url,
            "OTEL_LAYER_SPILL_SIZE": "1000000",
            "OTEL_LAYER_SPILL_PATH": str(self.kept),
            **variables,
        }
        with FakeLambdaApi() as lambda_:
            with CollectorProcess(folder, lambda_.address, environ) as collector:
                self.lambda_, self.collector = lambda_, collector
                lambda_.wait_until_asked(1)
                lambda_.invokes("r-1", timeout_s=30.0)
                yield collector
            assert lambda_.violations == []

    def ends(self, body, number=1):
        """The invocation sends this, and is over; wait until the collector lets Lambda go on."""
        self.collector.tell(f"r-{number}", "end", body)
        self.lambda_.wait_until_asked(number + 1)

    def invokes_again(self, body):
        """The second invocation begins, sends this, and is over."""
        self.lambda_.invokes("r-2", timeout_s=30.0)
        self.ends(body, number=2)

    def shuts_down(self, reason):
        """End the process; return what it said."""
        self.lambda_.shuts_down(reason)
        assert self.collector.wait() == 0
        return self.collector.lines

    def files(self):
        """The names of what is kept."""
        return [path.name for path in self.kept.iterdir()] if self.kept.exists() else []


@pytest.fixture
def away():
    """An endpoint that cannot serve now."""
    with FakeRemote(lambda _: (503, b"")) as remote:
        yield remote


@pytest.fixture
def environment(tmp_path, away):
    return Environment(tmp_path, away)


class TestAResetEnvironment:
    """Lambda starts a new process in it, and /tmp is as it was."""

    def test_what_was_not_delivered_before_the_reset_is_delivered_after_it(self, environment, away):
        with environment.process() as collector:
            environment.ends(A)
            lines = environment.shuts_down("timeout")
            assert lines[-1].endswith(
                "INFO kept 1 span (128 bytes) for otlp_http at shutdown (timeout)"
            )
            assert collector.summary == "otlp_http: 1 span received, 0 exported, 1 carried over"

        away.answer = lambda _: (200, b"")
        with environment.process() as collector:
            environment.ends(B)
            assert away.requests[-1].span_names() == ["a", "b"]
            assert environment.files() == []
            assert environment.shuts_down("spindown") == []
            assert collector.summary == "otlp_http: 2 spans received, 2 exported"

    def test_so_is_what_a_process_left_that_was_killed_without_a_word(self, environment, away):
        with environment.process() as collector:
            environment.ends(A)
            collector.signal(signal.SIGKILL)
            collector.wait()

        away.answer = lambda _: (200, b"")
        with environment.process() as collector:
            environment.ends(B)
            assert away.requests[-1].span_names() == ["a", "b"]

    def test_what_was_delivered_is_not_found_again(self, environment, away):
        with environment.process(OTEL_LAYER_BREAKER_DELAY="0"):
            environment.ends(A)
            assert environment.files() != []
            away.answer = lambda _: (200, b"")
            environment.invokes_again(B)
            assert environment.files() == []

    def test_what_has_no_room_is_dropped_and_counted(self, environment):
        with environment.process(OTEL_LAYER_SPILL_SIZE="250") as collector:
            collector.post("/v1/traces", A)
            environment.ends(B)

            lines = environment.shuts_down("failure")

            assert [line.partition(" ")[2].partition(" for")[0] for line in lines[-2:]] == [
                "INFO kept 1 span (128 bytes)",
                "WARN discarded 1 span (128 bytes)",
            ]


class TestAnEnvironmentThatEnds:
    """Its /tmp ends with it: there is nobody to keep anything for."""

    def test_what_is_left_is_discarded_and_no_file_stays(self, environment):
        with environment.process():
            environment.ends(A)

            lines = environment.shuts_down("spindown")

            assert "discarded 1 span (128 bytes) for otlp_http at shutdown (spindown)" in lines[-1]
            assert environment.files() == []


class TestAFolderThatCannotBeUsed:
    """It is said once, and telemetry goes its way."""

    def test_is_said_once(self, environment, away):
        environment.kept.write_text("a file")

        with environment.process(OTEL_LAYER_BREAKER_DELAY="0"):
            environment.ends(A)
            away.answer = lambda _: (200, b"")
            environment.invokes_again(B)
            lines = environment.shuts_down("spindown")

        assert away.requests[-1].span_names() == ["a", "b"]
        assert sum("cannot keep payloads in" in line for line in lines) <= 2

    def test_without_the_variable_nothing_is_kept(self, environment):
        with environment.process(OTEL_LAYER_SPILL_SIZE="0"):
            environment.ends(A)
            environment.shuts_down("timeout")

        assert environment.files() == []

    def test_what_is_kept_for_an_exporter_of_another_configuration_is_dropped_aloud(
        self, environment
    ):
        with environment.process():
            environment.ends(A)
            environment.shuts_down("timeout")

        with environment.process(OTEL_EXPORTER_OTLP_PROTOCOL="http/json"):
            environment.ends(b"")
            lines = environment.shuts_down("spindown")

        assert "kept for otlp_http, which is no exporter any more; dropped" in lines[0]
        assert environment.files() == []

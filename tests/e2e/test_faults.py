"""When a part of ours is missing, wrong or broken: the function answers, one line says so."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from lambda_sandbox.edge.otlp_endpoint import HANG, OtlpEndpoint
from lambda_sandbox.sandbox import Sandbox

HELLO = {"hello": "world"}


def hello_from(sandbox: Sandbox):
    """What the function says, without the part that differs from one invocation to the next."""
    outcome = sandbox.invoke(b"{}")
    assert outcome.function_error is None, outcome.payload
    answer = json.loads(outcome.payload)
    del answer["request"]
    return answer


def lines_of(sandbox: Sandbox, source: str) -> list[str]:
    """What one side printed; what Lambda itself writes has a source of its own."""
    lines = [line.text for line in sandbox.logs if line.source == source]
    return [line for line in lines if "INFO version " not in line]


def free_port() -> int:
    """A port for the collector: free a moment ago."""
    with closed_port() as port:
        return port


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections: bound, so that no one else gets it, and not listening."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


class TestConfiguration:
    """What is not set, or set to what cannot work."""

    def test_no_endpoint_is_said_in_one_line(self, run):
        sandbox = run("app.greet")

        answers = [hello_from(sandbox) for _ in range(3)]

        sandbox.wait_frozen()
        (line,) = lines_of(sandbox, "extension")
        assert answers == [HELLO] * 3
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" in line

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_an_endpoint_that_is_our_own_receiver_makes_no_loop(self, run, host):
        port = free_port()
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{host}:{port}",
            "OTEL_LAYER_RECEIVER_PORT": str(port),
        }
        sandbox = run("app.greet", environ)

        answers = [hello_from(sandbox) for _ in range(3)]

        sandbox.wait_frozen()
        (line,) = lines_of(sandbox, "extension")
        assert answers == [HELLO] * 3
        assert f"http://{host}:{port}" in line

    def test_the_address_that_other_layers_use_makes_no_loop(self, run):
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
        environ["OTEL_LAYER_RECEIVER_PORT"] = "4318"
        sandbox = run("app.greet", environ)

        answers = [hello_from(sandbox) for _ in range(3)]

        sandbox.wait_frozen()
        lines = [line for line in lines_of(sandbox, "extension") if "http://localhost:4318" in line]
        assert answers == [HELLO] * 3
        assert len(lines) == 1

    def test_a_proxy_is_no_detour_for_the_local_hop(self, run, endpoint):
        with closed_port() as port:
            proxy = f"http://127.0.0.1:{port}"
            environ = {"HTTP_PROXY": proxy, "http_proxy": proxy}
            sandbox = run("app.greet", {**environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url})

            answer = hello_from(sandbox)

            sandbox.wait_frozen()
        assert answer == HELLO
        assert [span.name for span in endpoint.spans()] == ["story"]

    def test_the_switch_of_the_specification_turns_both_halves_off(self, run, endpoint):
        environ = {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url}
        sandbox = run("app.greet", environ)

        answer = hello_from(sandbox)

        sandbox.wait_frozen()
        assert (answer, endpoint.requests) == (HELLO, [])


class TestTheEndpoint:
    """It refuses, or never answers."""

    def test_a_refused_connection_is_said_once(self, run):
        with closed_port() as port:
            environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
            sandbox = run("app.greet", environ)

            answers = [hello_from(sandbox) for _ in range(3)]

            sandbox.wait_frozen()
        (line,) = lines_of(sandbox, "extension")
        assert answers == [HELLO] * 3
        assert "refused" in line

    def test_an_endpoint_that_never_answers_does_not_hold_the_response_back(self, run):
        with OtlpEndpoint(answer=lambda _: HANG) as endpoint:
            environ = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url,
                "OTEL_EXPORTER_OTLP_TIMEOUT": "500",
            }
            sandbox = run("app.greet", environ)

            answers = [hello_from(sandbox) for _ in range(2)]

            sandbox.wait_frozen()
            (line,) = lines_of(sandbox, "extension")
            assert answers == [HELLO] * 2
            assert "no answer in time" in line

    def test_what_could_not_be_delivered_is_kept_for_the_next_invocation(self, run):
        with closed_port() as port:
            environ = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
                "OTEL_LAYER_BREAKER_DELAY": "0",
            }
            sandbox = run("app.greet", environ)
            hello_from(sandbox)
            sandbox.wait_frozen()

        with OtlpEndpoint(port=port) as endpoint:
            hello_from(sandbox)
            sandbox.wait_frozen()

            assert [span.name for span in endpoint.spans()] == ["story", "story"]


class TestTheCollector:
    """It is absent, hung, killed, or has to share the machine."""

    def test_without_an_extension_behind_the_wrapper_one_line_says_so(self, run, layer, tmp_path):
        bare = tmp_path / "layer"
        shutil.copytree(layer, bare)
        shutil.rmtree(bare / "extensions")
        environ = {"AWS_LAMBDA_EXEC_WRAPPER": f"{bare}/otel-instrument"}
        sandbox = run("app.greet", environ, layer=bare)

        answers = [hello_from(sandbox) for _ in range(3)]

        (line,) = lines_of(sandbox, "function")
        assert answers == [HELLO] * 3
        assert "the collector at 127.0.0.1:4318 cannot be reached" in line

    @pytest.mark.parametrize("spans", [0, 100])
    def test_a_collector_that_hangs_does_not_hold_the_function(self, run, endpoint, spans):
        """With few spans the kernel takes them; with 10 MB of them the budget ends the wait."""
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url}
        sandbox = run("faults.stop_the_collector", environ)

        outcome = sandbox.invoke(json.dumps({"spans": spans}).encode())

        (collector,) = sandbox.extension_pids.values()
        os.kill(collector, signal.SIGCONT)
        sandbox.wait_frozen()
        lines = lines_of(sandbox, "function")
        assert (outcome.function_error, json.loads(outcome.payload)) == (None, "done")
        assert len(lines) == (1 if spans else 0), lines
        assert [span.name for span in endpoint.spans()].count("story") == 1

    def test_a_collector_killed_in_mid_invocation_is_an_extension_crash_and_then_all_is_well(
        self, run, endpoint
    ):
        sandbox = run("faults.kill_the_collector", {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url})

        crashed = sandbox.invoke(b'{"kill": true}')
        healed = sandbox.invoke(b"{}")

        sandbox.wait_frozen()
        delivered = [span.attributes.get("faas.invocation_id") for span in endpoint.spans()]
        assert crashed.error_type == "Extension.Crash"
        assert "the function went on" in lines_of(sandbox, "function")
        assert not [line for line in lines_of(sandbox, "function") if "Traceback" in line]
        assert (healed.function_error, json.loads(healed.payload)) == (None, "done")
        assert delivered.count(healed.request_id) == 1

    def test_a_taken_port_is_survived(self, run, endpoint):
        with socket.create_server(("127.0.0.1", 0)) as neighbour:
            port = neighbour.getsockname()[1]
            environ = {"OTEL_LAYER_RECEIVER_PORT": str(port)}
            sandbox = run("app.greet", {**environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url})

            answer = hello_from(sandbox)

            sandbox.wait_frozen()
            (line,) = lines_of(sandbox, "extension")
            assert answer == HELLO
            assert [span.name for span in endpoint.spans()] == ["story"]
            assert str(port) in line

    def test_the_port_of_otlp_in_other_hands_is_survived(self, run, endpoint):
        environ = {"OTEL_LAYER_RECEIVER_PORT": "", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url}
        with ExitStack() as stack:
            with suppress(OSError):  # In whose hands it is does not matter.
                stack.enter_context(socket.create_server(("127.0.0.1", 4318)))
            sandbox = run("app.greet", environ)

            answer = hello_from(sandbox)

            sandbox.wait_frozen()
        (line,) = lines_of(sandbox, "extension")
        assert answer == HELLO
        assert [span.name for span in endpoint.spans()] == ["story"]
        assert "port 4318 is taken" in line

    def test_a_malformed_body_is_answered_400_and_the_spans_still_arrive(self, run, endpoint):
        sandbox = run("faults.post_rubbish", {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint.url})

        outcome = sandbox.invoke(b"{}")

        sandbox.wait_frozen()
        assert json.loads(outcome.payload) == 400
        assert [span.name for span in endpoint.spans()] == ["story"]


class TestOurOwnStartUp:
    """A fault in it leaves the function as it would be without us."""

    @pytest.mark.parametrize(
        "broken",
        [
            "python/otel_layer/edge/sdk.py",
            "python/otel_layer/edge/bootstrap.py",
            "python/otel_layer/activation/sitecustomize.py",
            "python/opentelemetry/sdk/trace/__init__.py",
        ],
    )
    def test_a_fault_in_the_internal_half_is_one_line(self, run, layer, tmp_path, broken):
        copy = tmp_path / "layer"
        shutil.copytree(layer, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / broken).write_text("raise RuntimeError('a fault of ours')\n")
        environ = {"AWS_LAMBDA_EXEC_WRAPPER": f"{copy}/otel-instrument"}
        sandbox = run("app.greet", environ, layer=copy)

        answer = hello_from(sandbox)

        lines = [line for line in lines_of(sandbox, "function") if "a fault of ours" in line]
        assert answer == HELLO
        assert len(lines) == 1

    @pytest.mark.parametrize(
        "broken", ["collector_ext/core/lifecycle.py", "collector_ext/collector.py"]
    )
    def test_a_fault_in_the_collector_is_one_line(self, run, layer, tmp_path, broken):
        copy = tmp_path / "layer"
        shutil.copytree(layer, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / broken).write_text("raise RuntimeError('a fault of ours')\n")
        environ = {"AWS_LAMBDA_EXEC_WRAPPER": f"{copy}/otel-instrument"}
        sandbox = run("app.greet", environ, layer=copy)

        answers = [hello_from(sandbox) for _ in range(2)]

        sandbox.wait_frozen()
        lines = [line for line in lines_of(sandbox, "extension") if "a fault of ours" in line]
        assert answers == [HELLO] * 2
        assert len(lines) == 1

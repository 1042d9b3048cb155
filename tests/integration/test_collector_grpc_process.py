"""OTLP over gRPC in the collector's real process, with and without `grpcio` in the layer."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import grpc
import pytest

from tests.fakes.collector_process import SOURCE, CollectorProcess
from tests.fakes.grpc_remote import PATIENCE_S, GrpcRemote
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.trace_requests import export_request, span_id

A, B = export_request(("a", span_id(1))), export_request(("b", span_id(2)))


@pytest.fixture
def remote(stack):
    """An endpoint that accepts everything."""
    return stack.enter_context(GrpcRemote())


def export(channel, body):
    """Export as a client does, which waits until it is received."""
    method = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
    return method(body, timeout=PATIENCE_S, wait_for_ready=True)


LIBRARIES = Path(str(grpc.__file__)).parents[1]
"""Where `grpcio` is, and PyYAML, for want of a layer that was built."""

CONFIGURATION = """
receivers:
  otlp: {{protocols: {{grpc: {{endpoint: "localhost:{port}"}}, http: {{}}}}}}
exporters:
  otlp_grpc: {{endpoint: "{target}", tls: {{insecure: true}}}}
service:
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_grpc]}}
"""


class TestTheCollector:
    """The real process, as the operator configures it."""

    @pytest.fixture
    def lambda_(self, stack):
        return stack.enter_context(FakeLambdaApi())

    @pytest.fixture
    def run(self, stack, lambda_, tmp_path):
        """Start the collector and an invocation."""

        def start(variables, *, is_full=True):
            # Copied, as what it imports is looked for beside it.
            root = tmp_path / "built"
            shutil.copytree(SOURCE / "collector_ext", root / "collector_ext")
            for folder in (root, tmp_path / "layer") if is_full else ():
                folder.mkdir(exist_ok=True)
                (folder / "collector-lib").symlink_to(LIBRARIES)
            collector = CollectorProcess(
                tmp_path, lambda_.address, variables, modules=root / "collector_ext"
            )
            stack.enter_context(collector)
            lambda_.wait_until_asked(1)
            lambda_.invokes("r-1", timeout_s=30)
            return collector

        return start

    def finish(self, lambda_, collector):
        """End the invocation and shut down; return what was said."""
        collector.tell("r-1", "end")
        lambda_.wait_until_asked(2)
        lambda_.shuts_down()
        assert (collector.wait(), lambda_.violations) == (0, [])
        return collector.lines

    def test_the_variables_alone_make_it_export_over_grpc(self, remote, lambda_, run):
        url = f"http://{remote.target}"
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=a%20key",
        }
        collector = run(variables)

        collector.post("/v1/traces", A)
        lines = self.finish(lambda_, collector)

        assert [(call.body, call.metadata["x-api-key"]) for call in remote.calls] == [(A, "a key")]
        assert [line for line in lines if " WARN " in line] == []

    def test_a_peer_that_was_restarted_during_a_freeze_costs_nothing(self, lambda_, run):
        with GrpcRemote() as first:
            variables = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{first.target}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            }
            collector = run(variables)
            collector.tell("r-1", "end", A)
            lambda_.wait_until_asked(2)
            collector.signal(SIGSTOP)

        with GrpcRemote(port=first.port) as second:
            collector.signal(SIGCONT)
            lambda_.invokes("r-2", timeout_s=30)
            collector.tell("r-2", "end", B)
            lambda_.wait_until_asked(3)
            lambda_.shuts_down()
            collector.wait()

        assert (first.bodies, second.bodies) == ([A], [B])
        assert [line for line in collector.lines if " WARN " in line] == []

    def test_the_slim_layer_says_what_to_use_and_goes_on(self, remote, lambda_, run):
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{remote.target}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        }
        collector = run(variables, is_full=False)

        collector.post("/v1/traces", A)
        lines = self.finish(lambda_, collector)

        (warning,) = [line for line in lines if " WARN " in line]
        assert "only the full layer carries: use that layer, or http/protobuf" in warning
        assert remote.calls == []

    def test_what_is_received_over_grpc_is_exported_at_the_end(
        self, remote, lambda_, run, tmp_path
    ):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        document = tmp_path / "collector.yaml"
        document.write_text(CONFIGURATION.format(port=port, target=remote.target))
        collector = run({"OPENTELEMETRY_COLLECTOR_CONFIG_URI": str(document)})

        collector.post("/v1/traces", A)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            export(channel, B)
        lines = self.finish(lambda_, collector)

        assert b"".join(remote.bodies) in {A + B, B + A}
        assert [line for line in lines if " WARN " in line] == []


EXPORT = """
import sys; sys.path.insert(0, sys.argv[1])
import _thread
from collector_ext.core.config.configuration import GrpcReceiver as ReceiverSettings
from collector_ext.core.config.configuration import OtlpGrpc, Tls
from collector_ext.core.otlp import PROTOBUF, TRACES, ExportRequest, Payload
from collector_ext.edge import clock
from collector_ext.edge.grpc_receiver import GrpcReceiver
from collector_ext.edge.http_client import PeerError
from collector_ext.edge.senders.otlp_grpc import sender_of

def one(value):
    return {TRACES: value}

def sender_to(target, tls, timeout_s):
    target, timeout_s, tls = one(target), one(timeout_s), one(tls)
    settings = OtlpGrpc("otlp_grpc", target, one(()), one(False), timeout_s, tls, None)
    return sender_of(settings, own_ports=())

def send(sender):
    payload = Payload(TRACES, PROTOBUF, b"", 0, is_suspect=False)
    request = ExportRequest("otlp_grpc", TRACES, (payload,))
    try:
        return type(sender.send(request, clock.now() + 20)).__name__
    except PeerError as fault:
        return str(fault)

plain, safe = (Tls(is_plain, False, "", "", "", "", "", "", "", "") for is_plain in (True, False))
try:
    receiver = GrpcReceiver(ReceiverSettings("127.0.0.1", 0, 1 << 20))
except ValueError as fault:
    print(fault)
    sys.exit()
print(send(sender_to(f"127.0.0.1:{receiver.port}", plain, 20)), len(list(receiver.events())))
print(send(sender_to(f"127.0.0.1:{receiver.port}", safe, 20)))
_thread.start_new_thread(send, (sender_to(sys.argv[2], plain, 20),))
sys.stdin.read(1)
receiver.close()
"""


class TestTheLayer:
    """Only the full one has `grpcio`, in a folder beside the collector's modules."""

    @pytest.fixture
    def layer(self, tmp_path):
        (tmp_path / "collector_ext").symlink_to(SOURCE / "collector_ext")
        return tmp_path

    def start(self, layer, target=""):
        """Start the collector's modules as Lambda does: isolated."""
        command = [sys.executable, "-I", "-S", "-c", EXPORT, str(layer), target]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def test_without_it_one_clause_says_what_to_use(self, layer):
        with self.start(layer) as process:
            said, complaints = process.communicate(timeout=PATIENCE_S)

        assert said == (
            "OTLP over gRPC needs grpcio, which only the full layer carries: "
            "use that layer, or http/protobuf\n"
        )
        assert complaints == ""

    def test_with_that_of_another_platform_it_is_said(self, layer):
        package = layer / "collector-lib" / "grpc"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("from grpc._cython import cygrpc")

        with self.start(layer) as process:
            said, _ = process.communicate(timeout=PATIENCE_S)

        assert said.startswith("the grpcio of this layer was built for another Python than 3.")

    def test_with_it_nothing_but_the_log_speaks_and_a_call_does_not_delay_the_exit(
        self, layer, remote
    ):
        (layer / "collector-lib").symlink_to(LIBRARIES)
        called = threading.Event()

        def hang(call):
            called.set()
            return remote.hang(call)

        remote.answer = hang

        with self.start(layer, remote.target) as process:
            assert called.wait(PATIENCE_S)
            said, complaints = process.communicate("x", timeout=PATIENCE_S)

        delivered, refused = said.splitlines()
        assert delivered == "Delivered 1"
        assert refused.startswith("gRPC UNAVAILABLE: it does not speak TLS (ipv4:127.0.0.1:")
        assert (process.returncode, complaints) == (0, "")

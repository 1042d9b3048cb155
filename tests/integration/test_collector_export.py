"""The collector's real process between real OTLP clients and a remote endpoint."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading

import pytest
import trustme
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.fakes.collector_process import PATIENCE_S, CollectorProcess
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.otlp_remote import FakeRemote
from tests.fakes.trace_requests import export_request, span_id

A, B = export_request(("a", span_id(1))), export_request(("b", span_id(2)))


class Running:
    """One invocation in progress in an environment of fakes."""

    def __init__(self, stack, folder, url, variables=None, *, timeline=None, timeout_s=30.0):  # noqa: PLR0913 - a test names one or two
        self.lambda_ = stack.enter_context(FakeLambdaApi(timeline=timeline))
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": url} if url else {}
        self.collector = stack.enter_context(
            CollectorProcess(folder, self.lambda_.address, {**endpoint, **(variables or {})})
        )
        self.asked_count = 1
        self.lambda_.wait_until_asked(1)
        self.invoke(timeout_s)

    def invoke(self, timeout_s=30.0):
        """Begin an invocation."""
        self.lambda_.invokes(f"r-{self.asked_count}", timeout_s=timeout_s)

    def end(self):
        """End it, and wait until the collector lets Lambda go on."""
        self.collector.tell(f"r-{self.asked_count}", "end")
        self.asked_count += 1
        self.lambda_.wait_until_asked(self.asked_count)

    def lines(self):
        """Shut down and return what it said."""
        self.lambda_.shuts_down()
        assert self.collector.wait() == 0
        assert self.lambda_.violations == []
        return self.collector.lines


@pytest.fixture
def remote(stack):
    """An endpoint that accepts everything."""
    return stack.enter_context(FakeRemote())


class TestClients:
    """Whoever speaks OTLP over HTTP is served."""

    def test_the_stock_exporters_deliver_all_signals(self, stack, remote, tmp_path):
        running = Running(stack, tmp_path, remote.url)
        base = f"http://127.0.0.1:{running.collector.port}"

        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces")))
        traces.get_tracer("t").start_span("a span").end()
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics"))
        metrics = MeterProvider([reader])
        metrics.get_meter("t").create_counter("a_counter").add(1)
        logs = LoggerProvider()
        logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{base}/v1/logs")))
        logs.get_logger("t").emit(body="a record", severity_number=SeverityNumber.INFO)
        for provider in (traces, metrics, logs):
            provider.shutdown()
        running.end()

        received = {request.path: request.message() for request in remote.requests}
        assert "a span" in str(received["/v1/traces"])
        assert "a_counter" in str(received["/v1/metrics"])
        assert "a record" in str(received["/v1/logs"])

    def test_json_is_forwarded_as_it_came(self, stack, remote, tmp_path):
        running = Running(stack, tmp_path, remote.url)
        text = b'{ "resourceSpans" : [] }'

        status, answer = running.collector.post(
            "/v1/traces", text, {"Content-Type": "application/json"}
        )
        running.end()

        (request,) = remote.requests
        assert (status, answer) == (200, b"{}")
        assert (request.body, request.headers["content-type"]) == (text, "application/json")

    def test_gzip_is_taken(self, stack, remote, tmp_path):
        running = Running(stack, tmp_path, remote.url)

        running.collector.post("/v1/traces", gzip.compress(A), {"Content-Encoding": "gzip"})
        running.end()

        assert remote.span_names == ["a"]

    @pytest.mark.parametrize("compression", [Compression.Gzip, Compression.Deflate])
    def test_a_stock_exporter_may_compress(self, stack, remote, tmp_path, compression):
        running = Running(stack, tmp_path, remote.url)
        url = f"http://127.0.0.1:{running.collector.port}/v1/traces"
        traces = TracerProvider()
        exporter = OTLPSpanExporter(url, compression=compression)
        traces.add_span_processor(SimpleSpanProcessor(exporter))

        traces.get_tracer("t").start_span("a span").end()
        traces.shutdown()
        running.end()

        assert remote.span_names == ["a span"]

    def test_a_large_body_may_be_announced_and_chunked(self, stack, remote, tmp_path):
        running = Running(stack, tmp_path, remote.url)
        large = export_request(*((f"span {n}", span_id(n)) for n in range(1, 40_000)))

        with contextlib.closing(running.collector.client()) as client:
            client.putrequest("POST", "/v1/traces")
            client.putheader("Content-Type", "application/x-protobuf")
            client.putheader("Expect", "100-continue")
            client.putheader("Transfer-Encoding", "chunked")
            client.endheaders()
            pieces = [large[at : at + 50_000] for at in range(0, len(large), 50_000)]
            for piece in pieces:
                client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            client.send(b"0\r\n\r\n")
            assert client.getresponse().status == 200
        running.end()

        assert len(remote.span_names) == 39_999

    def test_a_client_that_expects_to_be_told_is_told(self, stack, remote, tmp_path):
        running = Running(stack, tmp_path, remote.url)
        head = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
        head += b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(A)

        address = ("127.0.0.1", running.collector.port)
        with socket.create_connection(address, PATIENCE_S) as client:
            client.sendall(head)
            told = client.recv(100)
            client.sendall(A)
            answered = client.recv(100)

        assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert answered.startswith(b"HTTP/1.1 200 ")


class TestWhatIsRefused:
    """It is answered, said once, and harms nobody else."""

    def test_a_malformed_body_and_the_spans_beside_it(self, stack, remote, tmp_path):
        running = Running(stack, tmp_path, remote.url)

        statuses = [running.collector.post("/v1/traces", body)[0] for body in (A, A[:-1], b"x", B)]
        running.end()

        assert statuses == [200, 400, 400, 200]
        assert remote.span_names == ["a", "b"]
        assert len([line for line in running.lines() if "refused what a client sent" in line]) == 2

    def test_what_is_no_http_at_all(self, stack, remote, tmp_path):
        running = Running(stack, tmp_path, remote.url)

        address = ("127.0.0.1", running.collector.port)
        with socket.create_connection(address, PATIENCE_S) as client:
            client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
            assert client.recv(1000) == b""

    def test_a_body_beyond_the_limit_is_refused_before_it_is_read(self, stack, remote, tmp_path):
        running = Running(stack, tmp_path, remote.url)

        with contextlib.closing(running.collector.client()) as client:
            client.putrequest("POST", "/v1/traces")
            client.putheader("Content-Length", str(21 * 1024 * 1024))
            client.endheaders()
            assert client.getresponse().status == 413

    def test_a_client_that_never_reads_is_let_go(self, stack, remote, tmp_path):
        running = Running(stack, tmp_path, remote.url)
        request = b"GET /%s HTTP/1.1\r\n\r\n" % (b"x" * 60)

        address = ("127.0.0.1", running.collector.port)
        with socket.create_connection(address, PATIENCE_S) as client, contextlib.suppress(OSError):
            client.settimeout(PATIENCE_S)
            while True:
                client.sendall(request * 1000)
        running.collector.post("/v1/traces", A)
        running.end()

        assert remote.span_names == ["a"]


class TestAFlood:
    """What is not yet read waits in the kernel, not in this process."""

    def test_many_inflated_bodies_take_the_room_of_few(self, stack, tmp_path):
        running = Running(stack, tmp_path, "")
        filling = bytes(20 * 1024 * 1024 - 64)
        field = b"\x7a" + varint(len(filling)) + filling
        body = gzip.compress(b"\x0a" + varint(len(field)) + field)
        head = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
        head += b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)

        address = ("127.0.0.1", running.collector.port)
        with socket.create_connection(address, PATIENCE_S) as client:
            client.sendall((head + body) * 20)
            with client.makefile("rb") as answers:
                taken = [answers.readline() for _ in range(20 * 4)]
        running.end()

        assert taken.count(b"HTTP/1.1 200 \r\n") == 20
        assert running.collector.peak_kilobytes < 128 * 1024


def varint(value):
    """A length as protobuf writes it."""
    return bytes([value >> s & 127 | (128 if value >> s + 7 else 0) for s in range(0, 28, 7)])


class TestTheEndpoint:
    """It is spoken to as the variables say."""

    def test_headers_and_compression(self, stack, remote, tmp_path):
        variables = {"OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=a%20key"}
        running = Running(stack, tmp_path, remote.url, variables)

        running.collector.post("/v1/traces", A)
        running.end()

        headers = remote.requests[0].headers
        assert headers["x-api-key"] == "a key"
        assert headers["content-encoding"] == "gzip"
        assert headers["user-agent"].startswith("otel-layer/")

    def test_without_compression(self, stack, remote, tmp_path):
        variables = {"OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        running = Running(stack, tmp_path, remote.url, variables)

        running.collector.post("/v1/traces", A)
        running.end()

        assert "content-encoding" not in remote.requests[0].headers

    def test_a_signal_may_have_its_own(self, stack, remote, tmp_path):
        other = stack.enter_context(FakeRemote())
        variables = {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"{other.url}/v1/logs"}
        running = Running(stack, tmp_path, remote.url, variables)

        running.collector.post("/v1/traces", A)
        running.collector.post("/v1/logs", b"")
        running.collector.post("/v1/logs", b"\x0a\x00")
        running.end()

        assert [request.path for request in remote.requests] == ["/v1/traces"]
        assert [request.path for request in other.requests] == ["/v1/logs"]

    def test_headers_that_are_named_twice_are_sent_once(self, stack, tmp_path):
        peer = stack.enter_context(RawRemote(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        headers = "X-A=1,x-a=2,User-Agent=mine"
        running = Running(stack, tmp_path, peer.url, {"OTEL_EXPORTER_OTLP_HEADERS": headers})

        running.collector.post("/v1/traces", A)
        running.end()

        lines = [line.lower() for line in peer.heads[0].split("\r\n")[1:]]
        assert [line for line in lines if line.startswith("x-a:")] == ["x-a: 2"]
        assert [line for line in lines if line.startswith("user-agent:")] == ["user-agent: mine"]

    def test_it_is_not_ourselves_under_another_name(self, stack, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        # Not recognised as it is written, but as it is resolved.
        url = f"http://[::ffff:7f00:1]:{port}"
        running = Running(stack, tmp_path, url, {"OTEL_LAYER_RECEIVER_PORT": str(port)})

        running.collector.post("/v1/traces", A)
        running.end()

        assert "this collector itself" in running.lines()[0]


class RawRemote:
    """An endpoint that answers each request with the same bytes, whatever they are."""

    def __init__(self, answer, *, closes=False):
        self.heads: list[str] = []
        self._answer, self._closes = answer, closes
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                self._connections.append(connection)
                with connection, contextlib.suppress(OSError):
                    self._serve(connection)

    def _serve(self, connection):
        stream = connection.makefile("rb")
        with stream:
            while line := stream.readline():
                head = line
                while (line := stream.readline()) != b"\r\n":
                    head += line
                self.heads.append(head.decode())
                length = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
                stream.read(int(length))
                connection.sendall(self._answer)
                if self._closes:
                    return


class TestAnAnswer:
    """What is accepted is delivered, whatever becomes of the rest of the answer."""

    @pytest.mark.parametrize(
        ("answer", "closes"),
        [
            (b"Content-Length: 9\r\n\r\nhalf", True),
            (b"Content-Length: 9\r\n\r\nhalf", False),
            (b"Content-Length: 9999999\r\n\r\n", False),
            (b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
            (b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", False),
        ],
        ids=["cut off", "stalled", "too long", "two lengths", "one length twice"],
    )
    def test_a_body_that_cannot_be_read_is_not_a_failure(self, stack, tmp_path, answer, closes):
        peer = stack.enter_context(RawRemote(b"HTTP/1.1 200 OK\r\n" + answer, closes=closes))
        variables = {"OTEL_EXPORTER_OTLP_TIMEOUT": "500"}
        running = Running(stack, tmp_path, peer.url, variables)

        for _ in range(2):
            running.collector.post("/v1/traces", A)
            running.end()
            running.invoke()
        running.end()

        assert len(peer.heads) == 2
        assert running.lines() == []


class TestTls:
    """Certificates are checked, with the operator's own authority if there is one."""

    @pytest.fixture
    def authority(self, tmp_path):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        return authority

    @pytest.fixture
    def context(self, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        return context

    @pytest.fixture
    def private(self, tmp_path):
        return {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "ca.pem")}

    def test_a_private_authority_is_trusted_and_the_connection_kept(
        self, stack, context, private, tmp_path
    ):
        remote = stack.enter_context(FakeRemote(tls=context))
        running = Running(stack, tmp_path, remote.url, private)

        for body in (A, B):
            running.collector.post("/v1/traces", body)
            running.end()
            running.invoke()

        assert remote.span_names == ["a", "b"]
        assert len({request.client for request in remote.requests}) == 1

    def test_an_authority_that_is_not_known_is_not(self, stack, context, tmp_path):
        remote = stack.enter_context(FakeRemote(tls=context))
        running = Running(stack, tmp_path, remote.url)

        running.collector.post("/v1/traces", A)
        running.end()

        assert "CERTIFICATE_VERIFY_FAILED" in running.lines()[0]
        assert remote.requests == []

    def test_a_client_certificate_is_shown(self, stack, authority, context, private, tmp_path):
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        certificate = authority.issue_cert("client@example.com")
        certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        remote = stack.enter_context(FakeRemote(tls=context))
        variables = {
            **private,
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(tmp_path / "key.pem"),
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(tmp_path / "cert.pem"),
        }
        running = Running(stack, tmp_path, remote.url, variables)

        running.collector.post("/v1/traces", A)
        running.end()

        assert remote.span_names == ["a"]

    def test_a_file_that_is_missing_is_said(self, stack, context, tmp_path):
        remote = stack.enter_context(FakeRemote(tls=context))
        variables = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "nowhere.pem")}
        running = Running(stack, tmp_path, remote.url, variables)

        running.collector.post("/v1/traces", A)
        running.end()

        assert "cannot use OTEL_EXPORTER_OTLP_CERTIFICATE" in running.lines()[0]


class TestAnEndpointInTrouble:
    """It costs a bounded time, and what becomes of the spans is said once."""

    def test_one_that_hangs_is_left_before_the_deadline(self, stack, tmp_path):
        timeline: list[str] = []
        remote = stack.enter_context(FakeRemote(lambda _: None, timeline=timeline))
        running = Running(stack, tmp_path, remote.url, timeline=timeline, timeout_s=1.5)

        running.collector.post("/v1/traces", A)
        running.end()

        assert timeline[3:] == ["INVOKE", "export /v1/traces", "next"]

    def test_what_it_missed_is_sent_when_it_is_back(self, stack, tmp_path):
        remote = stack.enter_context(FakeRemote(lambda _: (503, b"")))
        running = Running(stack, tmp_path, remote.url, {"OTEL_LAYER_BREAKER_DELAY": "0"})
        running.collector.post("/v1/traces", A)
        running.end()

        remote.answer = lambda _: (200, b"")
        running.invoke()
        running.collector.post("/v1/traces", B)
        running.end()

        assert remote.requests[-1].span_names() == ["a", "b"]
        failed, recovered = running.lines()
        assert failed.endswith(f"{remote.url}/v1/traces: HTTP 503; kept for the next export")
        assert recovered.startswith(f"otel-layer INFO {remote.url}/v1/traces accepts exports again")

    def test_one_that_hung_is_tried_again(self, stack, tmp_path):
        remote = stack.enter_context(FakeRemote(lambda _: None))
        variables = {"OTEL_LAYER_BREAKER_DELAY": "0"}
        running = Running(stack, tmp_path, remote.url, variables, timeout_s=1.5)
        running.collector.post("/v1/traces", A)
        running.end()

        remote.answer = lambda _: (200, b"")
        running.invoke()
        running.collector.post("/v1/traces", B)
        running.end()

        assert remote.requests[-1].span_names() == ["a", "b"]

    def test_one_that_refuses_connections_is_said_once(self, stack, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
        running = Running(stack, tmp_path, url)

        for _ in range(3):
            running.collector.post("/v1/traces", A)
            running.end()
            running.invoke()
        running.end()

        failed, discarded = running.lines()
        assert "Connection refused; kept for the next export" in failed
        assert "discarded 3 spans" in discarded

    def test_a_refusal_loses_the_spans_and_says_so_without_the_key(self, stack, tmp_path):
        remote = stack.enter_context(FakeRemote(lambda _: (401, b"")))
        variables = {"OTEL_EXPORTER_OTLP_HEADERS": "x-api-key=secret"}
        running = Running(stack, tmp_path, remote.url, variables)

        running.collector.post("/v1/traces", A)
        running.end()

        (line,) = running.lines()
        reason = "HTTP 401 (sent with the header x-api-key)"
        assert f"to {remote.url}/v1/traces: {reason}; dropped; " in line
        assert "secret" not in line

    def test_of_a_refused_batch_only_the_bad_part_is_lost(self, stack, tmp_path):
        remote = stack.enter_context(
            FakeRemote(lambda r: (400 if "b" in r.span_names() else 200, b""))
        )
        running = Running(stack, tmp_path, remote.url)

        running.collector.post("/v1/traces", A)
        running.collector.post("/v1/traces", B)
        running.end()

        assert [request.span_names() for request in remote.requests] == [["a", "b"], ["a"], ["b"]]

    def test_a_kept_connection_that_died_is_replaced_once(self, stack, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE_S)
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            running = Running(stack, tmp_path, url, {"OTEL_EXPORTER_OTLP_COMPRESSION": "none"})
            running.collector.post("/v1/traces", A)
            running.collector.tell("r-1", "end")
            first, _ = server.accept()
            answer_one(first)
            running.lambda_.wait_until_asked(2)

            running.lambda_.invokes("r-2")
            running.collector.post("/v1/traces", B)
            running.collector.tell("r-2", "end")
            first.settimeout(PATIENCE_S)
            assert first.recv(65536)
            first.close()  # a request was read and no answer sent
            second, _ = server.accept()
            answer_one(second)
            running.lambda_.wait_until_asked(3)

            assert running.lines() == []
            second.close()


def answer_one(connection):
    """Read a request and answer it with success."""
    connection.settimeout(PATIENCE_S)
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith((A, B)):
        received += connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


class TestWithoutAnEndpoint:
    """Spans are taken and let go; one line says which variable to set."""

    def test_one_that_cannot_be_used_is_said_once(self, stack, tmp_path):
        url = "http://user:1234/secret@127.0.0.1:9"
        running = Running(stack, tmp_path, url)
        running.end()

        (line,) = running.lines()
        assert "OTEL_EXPORTER_OTLP_ENDPOINT is not an http:// or https:// URL" in line
        assert "1234" not in line

    @pytest.mark.parametrize("url", ["", "http://localhost:4318", "http://127.0.0.1:4318/"])
    def test_none_or_our_own_receiver(self, stack, tmp_path, url):
        running = Running(stack, tmp_path, url, {"OTEL_LAYER_RECEIVER_PORT": "4318"})

        running.collector.post("/v1/traces", A)
        running.end()

        line = running.lines()[-1]
        assert "nothing is exported until OTEL_EXPORTER_OTLP_ENDPOINT names a remote one" in line

    def test_lines_are_json_where_the_function_logs_json(self, stack, tmp_path):
        running = Running(stack, tmp_path, "", {"AWS_LAMBDA_LOG_FORMAT": "JSON"})
        running.end()

        (line,) = map(json.loads, running.lines())
        assert (line["level"], line["logger"]) == ("INFO", "otel-layer")
        assert line["message"].startswith("no endpoint is set")

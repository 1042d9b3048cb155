"""The OTLP endpoint, with real clients on real sockets."""

from __future__ import annotations

import gzip
import http.client
import socket
import ssl
import threading
from contextlib import closing

import pytest
import requests
import trustme
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

from lambda_sandbox.core.views.otlp import TraceRequest
from lambda_sandbox.edge.otlp_endpoint import (
    HANG,
    RESET,
    Answer,
    NotReceivedError,
    OtlpEndpoint,
)

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def request_for(name):
    """A serialised request with one span of this name."""
    message = TraceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    spans.add(name=name, trace_id=b"t" * 16, span_id=b"s" * 8, kind=2)
    return message.SerializeToString()


def post(endpoint, body=b"", path="/v1/traces", **kwargs):
    """What a client gets that posts once and closes; never waits long."""
    headers = {**PROTOBUF, **kwargs.pop("headers", {})}
    return requests.post(endpoint.url + path, body, headers=headers, timeout=5, **kwargs)


def names(spans):
    return [span.name for span in spans]


@pytest.fixture
def endpoint():
    with OtlpEndpoint() as running:
        yield running


class TestTheStockExporters:
    """OpenTelemetry's own exporters deliver to it."""

    @pytest.mark.parametrize("compression", Compression)
    def test_spans(self, endpoint, compression):
        exporter = OTLPSpanExporter(f"{endpoint.url}/v1/traces", compression=compression)
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))

        with provider.get_tracer("test").start_as_current_span("work", attributes={"n": [1, 2]}):
            pass

        provider.shutdown()
        (span,) = endpoint.spans()
        assert (span.name, span.kind, span.attributes) == ("work", "INTERNAL", {"n": [1, 2]})

    def test_metrics(self, endpoint):
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint.url}/v1/metrics"))
        provider = MeterProvider([reader])

        provider.get_meter("test").create_counter("calls").add(3)

        provider.shutdown()
        (request,) = endpoint.messages()
        assert request.resource_metrics[0].scope_metrics[0].metrics[0].name == "calls"

    def test_logs(self, endpoint):
        provider = LoggerProvider()
        exporter = OTLPLogExporter(f"{endpoint.url}/v1/logs")
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))

        provider.get_logger("test").emit(body="hello")

        provider.shutdown()
        (request,) = endpoint.messages()
        record = request.resource_logs[0].scope_logs[0].log_records[0]
        assert record.body.string_value == "hello"


class TestWhatWasReceived:
    """Everything is remembered; what was accepted counts as delivered."""

    def test_the_messages_are_there_whole(self, endpoint):
        body = request_for("work")

        post(endpoint, body)

        assert endpoint.messages() == [TraceRequest.FromString(body)]

    def test_a_request_is_there_as_it_was_sent_but_unpacked(self, endpoint):
        body = request_for("work")

        post(endpoint, gzip.compress(body), headers={"Content-Encoding": "gzip", "X-Key": "K"})

        (request,) = endpoint.requests
        assert (request.method, request.path, request.body) == ("POST", "/v1/traces", body)
        assert (request.headers["content-encoding"], request.headers["x-key"]) == ("gzip", "K")

    def test_requests_are_in_their_order(self, endpoint):
        for name in ("a", "b"):
            post(endpoint, request_for(name))

        assert [request.body for request in endpoint.requests] == [
            request_for("a"),
            request_for("b"),
        ]

    def test_what_was_refused_was_not_delivered(self, endpoint):
        response = post(endpoint, b"\xff")

        assert (response.status_code, endpoint.spans()) == (400, [])
        assert [request.body for request in endpoint.requests] == [b"\xff"]

    def test_it_is_still_known_after_the_end(self):
        with OtlpEndpoint() as endpoint:
            post(endpoint, request_for("work"))

        assert names(endpoint.spans()) == ["work"]


class TestHttp:
    """A connection serves until one side closes it."""

    def test_it_is_kept_open(self, endpoint):
        with requests.Session() as session:
            for _ in range(3):
                session.post(f"{endpoint.url}/v1/traces", b"", headers=PROTOBUF, timeout=5)

        assert [request.connection for request in endpoint.requests] == [0, 0, 0]

    def test_it_is_closed_when_the_client_says_so(self, endpoint):
        with closing(http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=5)) as client:
            client.request("POST", "/v1/traces", b"", {**PROTOBUF, "Connection": "close"})
            client.getresponse().read()

            assert client.sock.recv(1) == b""

    def test_bytes_that_are_not_http_are_refused(self, endpoint):
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as client:
            client.sendall(b"how are you?\r\n\r\n")

            answer = client.makefile("rb").read()

        assert answer.startswith(b"HTTP/1.1 400 ")

    def test_a_client_that_waits_for_permission_gets_it_once(self, endpoint):
        head = b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
        body = request_for("patient")
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as client:
            client.sendall(head + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
            reader = client.makefile("rb")
            permission = reader.readline() + reader.readline()
            client.sendall(body[:9])
            client.sendall(body[9:])
            answer = reader.readline()

        assert (permission, answer) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n")

    def test_clients_are_served_at_the_same_time(self):
        both_there = threading.Barrier(2)

        def wait_for_the_other(_):
            both_there.wait(timeout=5)

        with OtlpEndpoint(answer=wait_for_the_other) as endpoint:
            threads = [threading.Thread(target=post, args=(endpoint,)) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

            assert len(endpoint.messages()) == 2

    def test_a_port_may_be_asked_for(self):
        with OtlpEndpoint() as first:
            port = first.port

        with OtlpEndpoint(port=port) as second:
            assert second.url == f"http://127.0.0.1:{port}"


class TestTls:
    """It speaks https where it is given a context."""

    @pytest.fixture
    def authority(self):
        return trustme.CA()

    @pytest.fixture
    def endpoint(self, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        with OtlpEndpoint(tls=context) as running:
            yield running

    def test_a_client_that_trusts_it_delivers(self, endpoint, authority):
        with authority.cert_pem.tempfile() as trusted:
            response = post(endpoint, request_for("secret"), verify=trusted)

        assert (response.status_code, names(endpoint.spans())) == (200, ["secret"])

    def test_a_client_that_does_not_is_no_trouble(self, endpoint, authority):
        with pytest.raises(requests.exceptions.SSLError):
            post(endpoint)

        with authority.cert_pem.tempfile() as trusted:
            assert post(endpoint, verify=trusted).status_code == 200

    def test_a_client_that_says_nothing_keeps_nobody_waiting(self, endpoint, authority):
        with (
            socket.create_connection(("127.0.0.1", endpoint.port)),
            authority.cert_pem.tempfile() as trusted,
        ):
            assert post(endpoint, verify=trusted).status_code == 200


class TestFaults:
    """The caller decides how it misbehaves, request by request."""

    def test_any_status_with_headers_and_a_body(self):
        busy = Answer(429, {"Retry-After": "7"}, b"later")
        with OtlpEndpoint(answer=lambda _: busy) as endpoint:
            response = post(endpoint, request_for("work"))

            assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
            assert (response.content, endpoint.spans()) == (b"later", [])

    def test_what_was_answered_with_success_was_delivered(self):
        with OtlpEndpoint(answer=lambda _: Answer(202)) as endpoint:
            post(endpoint, request_for("work"))

            assert names(endpoint.spans()) == ["work"]

    def test_none_of_it_where_nothing_is_decided(self):
        refusals = [Answer(503)]
        with OtlpEndpoint(answer=lambda _: refusals.pop() if refusals else None) as endpoint:
            statuses = [post(endpoint, request_for(name)).status_code for name in ("a", "b")]

            assert (statuses, names(endpoint.spans())) == ([503, 200], ["b"])

    def test_the_decision_may_depend_on_the_request(self):
        def refuse_logs(request):
            return Answer(500) if request.path == "/v1/logs" else None

        with OtlpEndpoint(answer=refuse_logs) as endpoint:
            paths = ("/v1/logs", "/v1/metrics")

            assert [post(endpoint, path=path).status_code for path in paths] == [500, 200]

    def test_it_may_never_answer(self):
        with OtlpEndpoint(answer=lambda _: HANG) as endpoint:
            client = threading.Thread(target=self.fail_to_post, args=(endpoint,))
            client.start()

            endpoint.wait_for(lambda _: len(endpoint.requests) == 1)
            assert endpoint.spans() == []
        client.join()

    def test_it_may_break_the_connection_in_mid_answer(self):
        with OtlpEndpoint(answer=lambda _: RESET) as endpoint:
            with pytest.raises(requests.exceptions.ChunkedEncodingError, match="reset by peer"):
                post(endpoint, request_for("work"))

            assert (len(endpoint.requests), endpoint.spans()) == (1, [])

    def test_it_may_hold_an_answer_back(self):
        released = threading.Event()
        with OtlpEndpoint(answer=lambda _: Answer(after=released)) as endpoint:
            client = threading.Thread(target=post, args=(endpoint, request_for("late")))
            client.start()
            endpoint.wait_for(lambda _: len(endpoint.requests) == 1)
            held_back = endpoint.spans()

            released.set()

            client.join()
            assert (held_back, names(endpoint.spans())) == ([], ["late"])

    def test_an_answer_that_is_held_back_does_not_keep_it_from_ending(self):
        with OtlpEndpoint(answer=lambda _: Answer(after=threading.Event())) as endpoint:
            client = threading.Thread(target=self.fail_to_post, args=(endpoint,))
            client.start()
            endpoint.wait_for(lambda _: len(endpoint.requests) == 1)

        client.join()
        assert endpoint.spans() == []

    def test_it_may_close_after_an_answer(self):
        with (
            OtlpEndpoint(answer=lambda _: Answer(headers={"Connection": "close"})) as endpoint,
            socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as client,
        ):
            client.sendall(b"POST /v1/traces HTTP/1.1\r\n\r\n")

            assert client.makefile("rb").read().startswith(b"HTTP/1.1 200 OK\r\n")

    @staticmethod
    def fail_to_post(endpoint):
        with pytest.raises(requests.exceptions.ConnectionError):
            post(endpoint, request_for("lost"))


class TestWaiting:
    """A test waits for what it expects, and is told what was there instead."""

    def test_it_ends_when_the_spans_are_there(self, endpoint):
        client = threading.Thread(target=post, args=(endpoint, request_for("work")))
        client.start()

        assert names(endpoint.wait_for(lambda spans: len(spans) == 1)) == ["work"]
        client.join()

    def test_the_condition_may_ask_the_endpoint_itself(self, endpoint):
        post(endpoint)

        assert endpoint.wait_for(lambda _: len(endpoint.messages()) == 1) == []

    def test_the_error_says_what_was_received(self, endpoint):
        post(endpoint, request_for("work"))

        with pytest.raises(NotReceivedError) as failure:
            endpoint.wait_for(lambda spans: len(spans) == 2, timeout_s=0.01)

        assert str(failure.value) == (
            "waited 0.01 s in vain; received 1 requests and 1 spans\n"
            f"  POST /v1/traces: {len(request_for('work'))} bytes\n"
            f"  SERVER 'work' UNSET, trace {'74' * 16}, span {'73' * 8}, parent none"
        )

    def test_the_error_is_that_of_a_failed_assertion(self, endpoint):
        with pytest.raises(AssertionError, match="received 0 requests and 0 spans"):
            endpoint.wait_for(bool, timeout_s=0.01)


class TestItsEnd:
    """Nothing is left behind, whatever the clients do."""

    def test_no_thread_and_no_socket(self):
        before = threading.enumerate()
        with OtlpEndpoint() as endpoint:
            idle = socket.create_connection(("127.0.0.1", endpoint.port), timeout=5)
            half = socket.create_connection(("127.0.0.1", endpoint.port), timeout=5)
            half.sendall(b"POST /v1/traces HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf of")
            post(endpoint)

        with idle, half:
            assert (idle.recv(1), half.recv(1)) == (b"", b"")
        assert threading.enumerate() == before
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", endpoint.port), timeout=5)

    def test_it_is_used_in_a_with_statement(self):
        with pytest.raises(AssertionError, match="with statement"):
            _ = OtlpEndpoint().url

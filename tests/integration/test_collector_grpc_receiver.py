"""OTLP over gRPC, in: the collector's receiver with real clients."""

from __future__ import annotations

import queue
import select
import threading

import grpc
import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from collector_ext.core.config.configuration import GrpcReceiver as ReceiverSettings
from collector_ext.core.events import ORDINARY, PayloadReceived, RequestRefused
from collector_ext.core.otlp import LOGS, METRICS, PROTOBUF, TRACES
from collector_ext.edge.grpc_receiver import GrpcReceiver, Receivers
from tests.fakes.grpc_remote import PATIENCE_S
from tests.fakes.payloads import payload_of
from tests.fakes.trace_requests import export_request, span_id

A, B = export_request(("a", span_id(1))), export_request(("b", span_id(2)))


RECEIVER = ReceiverSettings(host="127.0.0.1", port=0, size_bytes_max=4 * 1024 * 1024)


@pytest.fixture
def receiver(stack):
    """A receiver on any port."""
    receiver = GrpcReceiver(RECEIVER)
    stack.callback(receiver.close)
    return receiver


@pytest.fixture
def channel(stack, receiver):
    """A client's channel to it."""
    return stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{receiver.port}"))


def export(channel, body, service="trace.v1.TraceService", **options):
    """Export as a client does."""
    method = f"/opentelemetry.proto.collector.{service}/Export"
    return channel.unary_unary(method)(body, timeout=PATIENCE_S, **options)


def received(body, signal=TRACES):
    """What the runner is told of a request."""
    payload = payload_of(signal, PROTOBUF, body)
    return PayloadReceived(payload, "", ORDINARY)


class TestReceiving:
    """Whoever speaks OTLP over gRPC is served."""

    def test_the_stock_exporters_deliver_all_signals(self, receiver):
        url = f"http://127.0.0.1:{receiver.port}"

        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(url)))
        traces.get_tracer("t").start_span("a span").end()
        metrics = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(url))])
        metrics.get_meter("t").create_counter("a_counter").add(1)
        logs = LoggerProvider()
        logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(url)))
        logs.get_logger("t").emit(body="a record", severity_number=SeverityNumber.INFO)
        for provider in (traces, metrics, logs):
            provider.shutdown()

        bodies = {event.payload.signal: event.payload.body for event in receiver.events()}
        assert b"a span" in bodies[TRACES]
        assert b"a_counter" in bodies[METRICS]
        assert b"a record" in bodies[LOGS]

    def test_a_body_is_taken_as_it_is_and_answered_with_an_empty_message(self, receiver, channel):
        answers = [export(channel, body) for body in (A, b"", B)]

        assert answers == [b"", b"", b""]
        assert list(receiver.events()) == [received(A), received(b""), received(B)]

    def test_gzip_is_taken(self, receiver, channel):
        export(channel, A, compression=grpc.Compression.Gzip)

        assert list(receiver.events()) == [received(A)]

    def test_a_reason_to_ask_for_events_is_there_until_they_were_taken(self, receiver, channel):
        ((wake_up, events),) = receiver.interests()
        poll = select.poll()
        poll.register(wake_up, events)

        seen = [bool(poll.poll(0))]
        export(channel, A)
        seen.append(bool(poll.poll(0)))
        list(receiver.events())
        seen.append(bool(poll.poll(0)))

        assert seen == [False, True, False]

    def test_more_calls_than_there_is_room_wait_for_the_runner(self, receiver, channel):
        method = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        futures = [method.future(A, timeout=PATIENCE_S) for _ in range(50)]

        events: list[object] = []
        poll = select.poll()
        poll.register(*receiver.interests()[0])
        while len(events) < 50 and poll.poll(PATIENCE_S * 1000):
            before = len(events)
            for event in receiver.events():
                events.append(event)
                if len(events) < 50:  # the next is there before this one is dealt with
                    poll.poll(PATIENCE_S * 1000)
            assert len(events) - before <= 10

        assert events == [received(A)] * 50
        assert [future.result(PATIENCE_S) for future in futures] == [b""] * 50


class TestWhatIsRefused:
    """It is answered with a status, and harms nobody else."""

    def refused(self, channel, body, **options):
        """Export and return what the client is told."""
        with pytest.raises(grpc.RpcError) as fault:
            export(channel, body, **options)
        return fault.value.code(), fault.value.details()

    def test_a_malformed_body_and_the_spans_beside_it(self, receiver, channel):
        export(channel, A)
        told = self.refused(channel, A[:-1])
        export(channel, B)

        code, reason = told
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert reason.startswith("not an export request of traces: ")
        one, refusal, other = receiver.events()
        assert (one, other) == (received(A), received(B))
        assert (type(refusal), refusal.status) == (RequestRefused, 400)
        assert refusal.reason.startswith("gRPC opentelemetry.proto.collector.trace.v1.TraceSer")

    @pytest.mark.parametrize("compression", list(grpc.Compression), ids=lambda c: c.name)
    def test_a_body_beyond_the_limit_once_inflated(self, receiver, channel, compression):
        large = b"\x0a\x80\x80\xc0\x02" + bytes(5 * 1024 * 1024)

        code, _ = self.refused(channel, large, compression=compression)

        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert list(receiver.events()) == []

    def test_another_service(self, receiver, channel):
        code, _ = self.refused(channel, A, service="profiles.v1.ProfilesService")

        assert code == grpc.StatusCode.UNIMPLEMENTED
        assert list(receiver.events()) == []


class Scripted:
    """A receiver over HTTP, to which something happens while it reads."""

    def __init__(self, *events):
        self._events = events
        self.is_closed = False

    def interests(self):
        return [(7, select.POLLIN)]

    def events(self):
        for event, meanwhile in self._events:
            meanwhile()
            yield event

    def close(self):
        self.is_closed = True


class TestTheOrder:
    """What a client exported before it said ``end`` comes before ``end``."""

    END = PayloadReceived(payload_of(TRACES, PROTOBUF, b""), "r-1", "end")

    def test_a_call_that_returned_comes_before_what_http_reads_afterwards(self, receiver, channel):
        http = Scripted((received(b""), lambda: None), (self.END, lambda: export(channel, A)))

        events = list(Receivers(http, receiver).events())

        assert events == [received(b""), received(A), self.END]

    def test_what_came_over_grpc_alone_comes_too(self, receiver, channel):
        export(channel, A)

        assert list(Receivers(Scripted(), receiver).events()) == [received(A)]

    def test_either_is_a_reason_to_ask_and_both_are_closed(self):
        http, other = Scripted(), Scripted()
        receivers = Receivers(http, other)

        receivers.close()

        assert receivers.interests() == [(7, select.POLLIN)] * 2
        assert (http.is_closed, other.is_closed) == (True, True)


class Watched(queue.Queue[PayloadReceived | RequestRefused]):
    """A queue that tells who is about to wait for room in it."""

    def __init__(self, maxsize):
        super().__init__(maxsize)
        self.waiting = threading.Semaphore(0)

    def put(self, item, *args):
        if self.full():
            self.waiting.release()
        super().put(item, *args)


class TestTheEndOfReceiving:
    """Whatever goes on is cut off."""

    def test_calls_that_wait_for_room_do_not_hold_it_up(self, stack):
        receiver = GrpcReceiver(RECEIVER)
        receiver._queue = waiting = Watched(receiver._queue.maxsize)
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{receiver.port}"))
        method = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        futures = [method.future(A, timeout=PATIENCE_S) for _ in range(20)]
        for _ in range(2):
            assert waiting.waiting.acquire(timeout=PATIENCE_S)

        receiver.close()

        codes = [future.code() for future in futures]
        assert codes.count(grpc.StatusCode.OK) == 8
        assert set(codes) - {grpc.StatusCode.OK} <= {
            grpc.StatusCode.CANCELLED,
            grpc.StatusCode.UNAVAILABLE,
        }

    def test_the_port_is_free_again(self, receiver):
        with pytest.raises(ValueError, match=r"127.0.0.1:\d+ cannot be listened on"):
            GrpcReceiver(ReceiverSettings("127.0.0.1", receiver.port, 1024))

        other = GrpcReceiver(RECEIVER)
        other.close()
        again = GrpcReceiver(ReceiverSettings("127.0.0.1", other.port, 1024))
        again.close()

        assert again.port == other.port

"""The exporter and its connection, on real sockets."""

from __future__ import annotations

import contextvars
import os
import signal
import socket
import threading

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import Span, SpanContext

from otel_layer.core import outbox
from otel_layer.core.otlp import EncodedItem
from otel_layer.core.patience import SEND_S
from otel_layer.core.signals import LOGS, METRICS
from otel_layer.edge import link, local_exporter, sdk
from otel_layer.edge.connection import CollectorFault, Connection
from otel_layer.edge.local_exporter import LocalExporter, invocation_id
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield
from tests.fakes.local_collector import LocalCollector, attributes

TRACER = TracerProvider(shutdown_on_exit=False).get_tracer("tests")


def started(name="span", **attributes):
    return TRACER.start_span(name, attributes=attributes)


def ended(name="span", **attributes):
    span = started(name, **attributes)
    span.end()
    return span


def names(request):
    return [span.name for span in request.spans]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    for module in (local_exporter, link):
        monkeypatch.setattr(module, "monotonic", clock)
    return clock


@pytest.fixture
def lines(monkeypatch):
    said = []
    monkeypatch.setattr(Log, "say", lambda _, sentence: said.append(sentence))
    return said


@pytest.fixture
def busy(monkeypatch):
    """One request in each interval, as if many had been sent before."""
    monkeypatch.setattr(outbox, "BURST_COUNT", 1)


@pytest.fixture
def made():
    """Exporters to close: in a function the process ends with them."""
    exporters: list[LocalExporter] = []
    yield exporters
    for exporter in exporters:
        exporter._link._connection.close()


@pytest.fixture
def export(made):
    def make(collector, *, own_collector=True):
        log = Log(as_json=False)
        exporter = LocalExporter(
            lambda: collector.port, log, Shield(log), own_collector=own_collector
        )
        made.append(exporter)
        return made[-1]

    return make


@pytest.fixture
def collector():
    with LocalCollector() as collector:
        yield collector


def in_invocation(request_id, call):
    """Call as the handler of an invocation would."""

    def run():
        invocation_id.set(request_id)
        call()

    contextvars.copy_context().run(run)


class TestSpansOfAnInvocation:
    """Sent when they end, unless much was sent moments ago."""

    def test_each_of_a_few_goes_at_once(self, collector, export):
        exporter = export(collector)
        exporter.begin("request-1", started("root"))
        in_invocation("request-1", lambda: [exporter.take(ended(f"span-{n}")) for n in range(3)])

        requests = collector.wait_for(lambda requests: len(requests) == 4)
        assert [(one.phase, names(one)) for one in requests] == [
            ("start", ["root"]),
            (None, ["span-0"]),
            (None, ["span-1"]),
            (None, ["span-2"]),
        ]

    @pytest.mark.usefixtures("busy")
    def test_one_of_many_goes_at_once_and_those_right_after_it_with_the_end(
        self, collector, export, clock
    ):
        exporter = export(collector)
        root = started("root")
        exporter.begin("request-1", root)
        clock.now += 0.011
        in_invocation("request-1", lambda: [exporter.take(ended(f"span-{n}")) for n in range(3)])
        root.end()
        in_invocation("request-1", lambda: exporter.take(root))
        exporter.end("request-1")

        requests = collector.wait_for_end("request-1")
        assert [(one.phase, names(one)) for one in requests] == [
            ("start", ["root"]),
            (None, ["span-0"]),
            ("end", ["span-1", "span-2", "root"]),
        ]

    def test_the_final_root_waits_for_the_end(self, collector, export, clock):
        exporter = export(collector)
        root = started("root")
        exporter.begin("request-1", root)
        clock.now += 1
        root.end()
        exporter.take(root)
        exporter.end("request-1")

        assert [one.phase for one in collector.wait_for_end("request-1")] == ["start", "end"]

    def test_a_thread_without_the_context_is_part_of_the_only_invocation(
        self, collector, export, clock
    ):
        exporter = export(collector)
        exporter.begin("request-1", None)
        clock.now += 1
        thread = threading.Thread(target=exporter.take, args=(ended(),))
        thread.start()
        thread.join()
        exporter.end("request-1")

        requests = collector.wait_for_end("request-1")
        assert [one.phase for one in requests] == [None, "end"]

    @pytest.mark.usefixtures("busy")
    def test_two_invocations_at_a_time_are_kept_apart(self, collector, export):
        exporter = export(collector)
        exporter.begin("request-1", started("root-1"))
        exporter.begin("request-2", started("root-2"))
        in_invocation("request-1", lambda: exporter.take(ended("one")))
        in_invocation("request-2", lambda: exporter.take(ended("two")))
        exporter.end("request-1")
        exporter.end("request-2")

        assert names(collector.wait_for_end("request-1")[-1]) == ["one"]
        assert names(collector.wait_for_end("request-2")[-1]) == ["two"]


class TestSpansOfNoInvocation:
    """No end will send them: they go at once, and name nobody."""

    def test_they_do_not_wait(self, collector, export):
        exporter = export(collector)
        exporter.take(ended("first"))
        exporter.take(ended("second"))

        requests = collector.wait_for(lambda requests: len(requests) == 2)
        assert [(one.invocation_id, one.phase, names(one)) for one in requests] == [
            (None, None, ["first"]),
            (None, None, ["second"]),
        ]


class TestLargeSpans:
    """A request has a bound, so that the kernel can hold it whole."""

    @pytest.mark.usefixtures("busy")
    def test_they_are_divided_and_do_not_wait(self, collector, export):
        exporter = export(collector)
        exporter.begin("request-1", started())
        in_invocation(
            "request-1", lambda: [exporter.take(ended(payload="x" * 100_000)) for _ in range(5)]
        )
        exporter.end("request-1")

        requests = collector.wait_for_end("request-1")
        assert [(one.phase, len(one.spans)) for one in requests] == [
            ("start", 1),
            (None, 2),
            (None, 1),
            ("end", 2),
        ]

    def test_one_larger_than_the_bound_goes_alone(self, collector, export):
        exporter = export(collector)
        exporter.take(ended(payload="x" * 500_000))

        (request,) = collector.wait_for(lambda requests: requests)
        assert len(request.body) > 500_000


class TestAForeignCollector:
    """It knows nothing of phases."""

    def test_it_gets_neither_a_provisional_root_nor_an_empty_end(self, collector, export):
        exporter = export(collector, own_collector=False)
        exporter.begin("request-1", started())
        exporter.end("request-1")
        exporter.take(ended("marker"))

        (request,) = collector.wait_for(lambda requests: requests)
        assert names(request) == ["marker"]


class TestALostConnection:
    """Made again for the next request; nothing is said about it."""

    def test_one_that_was_closed_while_idle_is_replaced(self, collector, export, lines):
        exporter = export(collector)
        exporter.take(ended("first"))
        collector.wait_for(lambda requests: requests)
        collector._served[0].shutdown(socket.SHUT_RDWR)
        exporter.take(ended("second"))

        collector.wait_for(lambda requests: len(requests) == 2)
        assert collector.connection_count == 2
        assert lines == []


class TestACollectorThatIsGone:
    """One attempt, one line; what waits goes with the end, or is lost and counted."""

    def test_the_spans_after_the_first_do_not_try_again(self, export, lines):
        with LocalCollector() as collector:
            pass
        exporter = export(collector)
        exporter.begin("request-1", None)
        in_invocation("request-1", lambda: [exporter.take(ended()) for _ in range(10)])
        exporter.end("request-1")

        assert len(lines) == 1
        assert exporter._outbox.lost_count == 10

    def test_what_could_not_be_sent_goes_with_the_end(self, export, clock):
        with LocalCollector() as gone:
            port = gone.port
        exporter = export(gone)
        exporter.begin("request-1", None)
        clock.now += 1
        in_invocation("request-1", lambda: exporter.take(ended("early")))
        with LocalCollector(port=port) as collector:
            exporter.end("request-1")

            assert names(collector.wait_for_end("request-1")[-1]) == ["early"]

    def test_the_spans_of_an_ended_invocation_go_after_the_end_of_another(self, export, clock):
        with LocalCollector() as gone:
            port = gone.port
        exporter = export(gone)
        exporter.begin("request-1", None)
        exporter.end("request-1")
        exporter.begin("request-3", None)
        clock.now += 10
        in_invocation("request-1", lambda: exporter.take(ended("late")))
        in_invocation("request-3", lambda: exporter.take(ended("running")))
        exporter.begin("request-2", None)
        with LocalCollector(port=port) as collector:
            exporter.end("request-2")

            requests = collector.wait_for(lambda requests: len(requests) == 2)
            assert [(one.invocation_id, one.phase, names(one)) for one in requests] == [
                ("request-2", "end", []),
                ("request-1", None, ["late"]),
            ]
            assert exporter._outbox.request_ids() == ["request-3"]

    def test_a_foreign_one_gets_them_too(self, export, clock):
        with LocalCollector() as gone:
            port = gone.port
        exporter = export(gone, own_collector=False)
        clock.now += 10
        in_invocation("request-1", lambda: exporter.take(ended("late")))
        exporter.begin("request-2", None)
        with LocalCollector(port=port) as collector:
            exporter.end("request-2")

            (request,) = collector.wait_for(lambda requests: requests)
            assert (request.invocation_id, names(request)) == ("request-1", ["late"])

    def test_what_was_lost_is_told_when_it_answers_again(self, export, lines):
        with LocalCollector() as gone:
            port = gone.port
        exporter = export(gone)
        exporter.begin("request-1", None)
        in_invocation("request-1", lambda: exporter.take(ended()))
        exporter.end("request-1")
        with LocalCollector(port=port) as collector:
            for n in range(2, 6):
                exporter.begin(f"request-{n}", started())
                exporter.end(f"request-{n}")
                collector.wait_for_end(f"request-{n}")

        assert lines[1:] == [f"the collector at 127.0.0.1:{port} answers again; 1 spans were lost"]


def log_record(text="x"):
    """A log record, serialised: its body and nothing else."""
    body = text.encode()
    any_value = b"\x0a" + bytes([len(body)]) + body
    record = b"\x2a" + bytes([len(any_value)]) + any_value
    return EncodedItem(b"", b"", b"\x12" + bytes([len(record)]) + record)


def metric(name="x"):
    """A metric, serialised: its name and nothing else."""
    field = b"\x0a" + bytes([len(name)]) + name.encode()
    return EncodedItem(b"", b"", b"\x12" + bytes([len(field)]) + field)


def held(request):
    """What a request holds, whatever it is, with its path and phase."""
    texts = [one.body.string_value for one in request.log_records]
    texts += [one.name for one in (*request.metrics, *request.spans)]
    return request.path, request.phase, texts


class TestMetricsAndLogRecords:
    """They go the way of the spans, before the end of their invocation."""

    @pytest.mark.usefixtures("busy")
    def test_what_waits_is_sent_before_the_end(self, collector, export):
        exporter = export(collector)
        exporter.begin("request-1", None)
        in_invocation(
            "request-1",
            lambda: [exporter.hand_over(LOGS, [log_record(text)], at_once=False) for text in "abc"],
        )
        exporter.end("request-1")

        requests = collector.wait_for_end("request-1")
        assert [held(one) for one in requests] == [
            ("/v1/logs", None, ["a"]),
            ("/v1/logs", None, ["b", "c"]),
            ("/v1/traces", "end", []),
        ]

    def test_who_collects_is_asked_at_the_end_and_before_it_is_sent(self, collector, export):
        exporter = export(collector)
        exporter.collect_with(lambda id_: exporter.hand_over(METRICS, [metric(id_)], id_))
        exporter.begin("request-1", None)
        exporter.end("request-1")

        requests = collector.wait_for_end("request-1")
        assert [held(one) for one in requests] == [
            ("/v1/metrics", None, ["request-1"]),
            ("/v1/traces", "end", []),
        ]

    @pytest.mark.usefixtures("busy")
    def test_of_an_invocation_that_runs_out_of_time_all_is_sent(self, collector, export):
        exporter = export(collector)
        exporter.collect_with(lambda id_: exporter.hand_over(METRICS, [metric(id_)], id_))
        exporter.begin("request-1", None)
        in_invocation(
            "request-1",
            lambda: [exporter.hand_over(LOGS, [log_record(text)], at_once=False) for text in "ab"],
        )
        exporter.snapshot("request-1")

        requests = collector.wait_for(lambda requests: len(requests) == 3)
        assert [held(one) for one in requests] == [
            ("/v1/logs", None, ["a"]),
            ("/v1/logs", None, ["b"]),
            ("/v1/metrics", None, ["request-1"]),
        ]

    def test_of_one_that_is_over_nothing_is(self, collector, export):
        asked: list[str] = []
        exporter = export(collector)
        exporter.collect_with(asked.append)
        exporter.begin("request-1", None)
        exporter.end("request-1")
        exporter.begin("request-2", None)

        exporter.snapshot("request-1")

        assert asked == ["request-1"]  # at its end

    def test_outside_of_an_invocation_nothing_waits(self, collector, export):
        exporter = export(collector)
        for text in "abcdefghijkl":
            exporter.hand_over(LOGS, [log_record(text)], at_once=False)

        requests = collector.wait_for(lambda requests: len(requests) == 12)
        assert {one.invocation_id for one in requests} == {None}

    def test_to_flush_nothing_sends_nothing(self, collector, export):
        exporter = export(collector)
        exporter.hand_over(LOGS, [])
        exporter.begin("request-1", None)
        exporter.end("request-1")

        assert [one.phase for one in collector.wait_for_end("request-1")] == ["end"]
        assert len(collector.requests) == 1

    def test_what_could_not_be_sent_is_sent_later(self, export, clock):
        with LocalCollector() as gone:
            port = gone.port
        exporter = export(gone)
        exporter.begin("request-1", None)
        exporter.hand_over(METRICS, [metric("delta-1")], "request-1")
        exporter.end("request-1")
        clock.now += 100
        exporter.begin("request-2", None)
        with LocalCollector(port=port) as collector:
            exporter.hand_over(METRICS, [metric("delta-2")], "request-2")
            exporter.end("request-2")

            requests = collector.wait_for(lambda requests: len(requests) == 3)
            assert [(one.invocation_id, *held(one)) for one in requests] == [
                ("request-2", "/v1/metrics", None, ["delta-2"]),
                ("request-2", "/v1/traces", "end", []),
                ("request-1", "/v1/metrics", None, ["delta-1"]),
            ]

    def test_what_is_lost_is_counted_by_its_kind(self, export, lines, monkeypatch):
        monkeypatch.setattr(outbox, "SIZE_BYTES_MAX", 100)
        with LocalCollector() as gone:
            port = gone.port
        exporter = export(gone)
        exporter.begin("request-1", None)
        for _ in range(10):
            exporter.hand_over(LOGS, [log_record("x" * 50)], "request-1")
        in_invocation("request-1", lambda: exporter.take(ended()))
        exporter.end("request-1")
        with LocalCollector(port=port) as collector:
            for n in range(2, 6):
                exporter.begin(f"request-{n}", started())
                exporter.end(f"request-{n}")
                collector.wait_for_end(f"request-{n}")

        assert lines[1:] == [
            (
                f"the collector at 127.0.0.1:{port} answers again;"
                " 9 log records and 1 spans were lost"
            )
        ]


class TestACollectorThatDoesNotRead:
    """The kernel takes what fits; then a request costs its time limit, once."""

    def test_the_end_is_sent_once_more_on_a_new_connection(self, export, lines):
        with LocalCollector(reads=False) as collector:
            exporter = export(collector)
            exporter.begin("request-1", None)
            in_invocation(
                "request-1",
                lambda: [exporter.take(ended(payload="x" * 950_000)) for _ in range(20)],
            )
            exporter.end("request-1")
            first = exporter._link._connection._socket
            collector._start(collector._accept)

            collector.wait_for_end("request-1")
            assert first is exporter._link._connection._socket
            assert exporter._outbox.lost_count > 0
            assert len(lines) == 1

    @pytest.mark.usefixtures("busy")
    def test_an_end_that_was_not_taken_is_said_again_without_its_spans(
        self, collector, export, lines, monkeypatch
    ):
        exporter = export(collector)
        exporter.begin("request-1", started("root"))
        in_invocation("request-1", lambda: exporter.take(ended("lost")))
        send = exporter._link._connection.send

        def timed_out(_request, _timeout_s):
            monkeypatch.setattr(exporter._link._connection, "send", send)
            kind, text = "does not read", "timed out"
            raise CollectorFault(kind, text)

        monkeypatch.setattr(exporter._link._connection, "send", timed_out)
        exporter.end("request-1")

        requests = collector.wait_for_end("request-1")
        assert [(one.phase, names(one)) for one in requests] == [("start", ["root"]), ("end", [])]
        assert exporter._outbox.lost_count == 1
        assert len(lines) == 1

    def test_a_request_does_not_wait_for_the_one_before(self, collector):
        request = b"POST /v1/traces HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        connection = Connection(lambda: collector.port, lambda _: None)
        connection.send(request, SEND_S)

        made = connection._socket
        assert made is not None
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        connection.close()

    def test_a_request_that_times_out_closes_its_connection(self):
        with LocalCollector(reads=False) as collector:
            connection = Connection(lambda: collector.port, lambda _: None)

            with pytest.raises(CollectorFault, match="does not read"):
                connection.send(b"x" * 50_000_000, SEND_S)

            assert connection._socket is None


class TestAnAnswer:
    """Read and thrown away; a refusal is said once."""

    def test_a_refusal_is_said_once(self, export, lines):
        refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
        with LocalCollector(answer=refusal) as collector:
            exporter = export(collector)
            for _ in range(4):
                count = len(collector.requests)
                exporter.take(ended())
                collector.wait_for(lambda requests, count=count: len(requests) > count)  # type: ignore[misc]  # a default is no argument

        assert lines == [
            (
                f"the collector at 127.0.0.1:{collector.port} answered"
                " 'HTTP/1.1 400 Bad Request'; telemetry is lost"
            )
        ]

    def test_a_server_that_never_stops_answering_is_not_listened_to_for_ever(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            heard: list[bytes] = []
            connection = Connection(lambda: listener.getsockname()[1], heard.append)
            connection.send(b"x", SEND_S)
            served, _ = listener.accept()
            with served:
                served.settimeout(0)
                try:
                    while True:
                        served.send(bytes(1 << 20))
                except BlockingIOError:
                    pass
                connection.send(b"x", SEND_S)
                connection.close()

        assert 0 < len(heard) <= 16


@pytest.fixture
def tracer(export, collector):
    """Makes an exporter, and the tracer whose spans it is shown."""

    def make(**kwargs):
        exporter = export(collector, **kwargs)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(sdk.SampledSpans(exporter.note, exporter.take))
        return exporter, provider.get_tracer("tests")

    return make


class TestASnapshot:
    """What is open of a running invocation, in one request."""

    def test_it_holds_the_root_and_what_has_not_ended(self, tracer, collector, clock):
        exporter, tracer = tracer()
        root = tracer.start_span("root")
        exporter.begin("request-1", root)
        clock.now += 1
        in_invocation("request-1", lambda: tracer.start_span("ended").end())
        in_invocation("request-1", lambda: tracer.start_span("open", attributes={"a": 1}))
        exporter.snapshot("request-1")

        request = collector.wait_for(lambda requests: len(requests) == 3)[-1]
        of_root, of_call = request.spans
        assert (request.invocation_id, request.phase) == ("request-1", "snapshot")
        assert (of_root.name, attributes(of_root)) == ("root", {})
        assert (of_call.name, attributes(of_call)) == (
            "open",
            {"a": 1, "otel_layer.unfinished": True},
        )
        assert (of_root.end_time_unix_nano, of_call.end_time_unix_nano) == (0, 0)

    def test_what_has_ended_and_waits_goes_before_it(self, tracer, collector, clock):
        exporter, tracer = tracer()
        exporter.begin("request-1", tracer.start_span("root"))
        clock.now += 1
        for name in ("first", "second"):
            in_invocation("request-1", lambda name=name: tracer.start_span(name).end())
        exporter.snapshot("request-1")

        requests = collector.wait_for(lambda requests: len(requests) == 4)
        assert [(one.phase, names(one)) for one in requests] == [
            ("start", ["root"]),
            (None, ["first"]),
            (None, ["second"]),
            ("snapshot", ["root"]),
        ]

    def test_a_span_on_a_thread_without_the_context_is_of_the_only_invocation(
        self, tracer, collector
    ):
        exporter, tracer = tracer()
        exporter.begin("request-1", tracer.start_span("root"))
        thread = threading.Thread(target=tracer.start_span, args=("elsewhere",))
        thread.start()
        thread.join()
        exporter.snapshot("request-1")

        request = collector.wait_for(lambda requests: len(requests) == 2)[-1]
        assert names(request) == ["root", "elsewhere"]

    def test_of_an_invocation_that_is_over_there_is_none(self, tracer, collector):
        exporter, tracer = tracer()
        exporter.begin("request-1", tracer.start_span("root"))
        in_invocation("request-1", lambda: tracer.start_span("open"))
        exporter.end("request-1")
        exporter.begin("request-2", tracer.start_span("root of another"))
        exporter.snapshot("request-1")
        exporter.end("request-2")

        collector.wait_for_end("request-2")
        phases = [one.phase for one in collector.requests]
        assert phases == ["start", "end", "start", "end"]

    def test_one_that_ends_while_it_is_made_is_not_in_it(self, tracer, collector, monkeypatch):
        exporter, tracer = tracer()
        exporter.begin("request-1", tracer.start_span("root"))
        spans: list[Span] = []
        in_invocation("request-1", lambda: spans.append(tracer.start_span("ends meanwhile")))
        encode = exporter._encoder.encode

        def interrupted(span, **kwargs):
            encoded = encode(span, **kwargs)
            if kwargs.get("is_unfinished"):
                in_invocation("request-1", spans[0].end)
            return encoded

        monkeypatch.setattr(exporter._encoder, "encode", interrupted)
        exporter.snapshot("request-1")

        requests = collector.wait_for(lambda requests: len(requests) == 3)
        assert [(one.phase, names(one)) for one in requests] == [
            ("start", ["root"]),
            (None, ["ends meanwhile"]),
            ("snapshot", ["root"]),
        ]

    def test_when_the_invocation_ends_while_it_is_made_there_is_none(
        self, tracer, collector, monkeypatch
    ):
        exporter, tracer = tracer()
        exporter.begin("request-1", tracer.start_span("root"))
        in_invocation("request-1", lambda: tracer.start_span("never ended"))
        encode = exporter._encoder.encode

        def interrupted(span, **kwargs):
            exporter.end("request-1")
            return encode(span, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(exporter._encoder, "encode", interrupted)
            exporter.snapshot("request-1")
        exporter.begin("request-2", None)
        exporter.end("request-2")

        collector.wait_for_end("request-2")
        assert "snapshot" not in [one.phase for one in collector.requests]

    def test_a_span_that_cannot_be_serialised_costs_itself(
        self, tracer, collector, lines, monkeypatch
    ):
        exporter, tracer = tracer()
        exporter.begin("request-1", tracer.start_span("root"))
        in_invocation("request-1", lambda: [tracer.start_span(name) for name in ("one", "two")])
        encode = exporter._encoder.encode

        def failing(span, **kwargs):
            if span.name == "two":
                raise RuntimeError(span.name)
            return encode(span, **kwargs)

        monkeypatch.setattr(exporter._encoder, "encode", failing)
        exporter.snapshot("request-1")

        request = collector.wait_for(lambda requests: len(requests) == 2)[-1]
        assert names(request) == ["root", "one"]
        assert lines[0].startswith("cannot serialise an open span: RuntimeError: two (")

    def test_it_is_one_request_however_much_is_open(self, tracer, collector):
        exporter, tracer = tracer()
        exporter.begin("request-1", tracer.start_span("root"))
        for number in range(5):
            payload = {"payload": "x" * 100_000}
            in_invocation(
                "request-1",
                lambda name=str(number), payload=payload: tracer.start_span(
                    name, attributes=payload
                ),
            )
        exporter.snapshot("request-1")

        requests = collector.wait_for(lambda requests: len(requests) == 2)
        assert [(one.phase, names(one)) for one in requests] == [
            ("start", ["root"]),
            ("snapshot", ["root", "4", "3"]),
        ]

    def test_a_foreign_collector_gets_what_has_ended_alone(self, tracer, collector, clock):
        exporter, tracer = tracer(own_collector=False)
        exporter.begin("request-1", tracer.start_span("root"))
        clock.now += 1
        in_invocation("request-1", lambda: [tracer.start_span(one).end() for one in "ab"])
        in_invocation("request-1", lambda: tracer.start_span("open"))
        exporter.snapshot("request-1")
        clock.now += 1
        exporter.take(ended("marker"))

        requests = collector.wait_for(lambda requests: len(requests) == 3)
        assert [names(one) for one in requests] == [["a"], ["b"], ["marker"]]

    def test_a_collector_that_is_known_not_to_read_is_not_waited_for(self, export):
        with LocalCollector() as gone:
            pass
        exporter = export(gone)
        exporter.begin("request-1", started("root"))
        sent: list[bytes] = []
        exporter._link._connection.send = lambda request, _: sent.append(request)
        exporter.snapshot("request-1")

        assert sent == []

    def test_one_that_cannot_be_sent_loses_no_span(self, tracer, collector, lines, monkeypatch):
        exporter, tracer = tracer()
        exporter.begin("request-1", tracer.start_span("root"))
        in_invocation("request-1", lambda: tracer.start_span("open"))

        def timed_out(_request, _timeout_s):
            kind, text = "does not read", "timed out"
            raise CollectorFault(kind, text)

        with monkeypatch.context() as patched:
            patched.setattr(exporter._link._connection, "send", timed_out)
            exporter.snapshot("request-1")
        exporter.end("request-1")

        requests = collector.wait_for_end("request-1")
        assert [(one.phase, names(one)) for one in requests] == [("start", ["root"]), ("end", [])]
        assert exporter._outbox.lost_count == 0
        assert len(lines) == 1

    def test_a_child_process_has_none_of_its_parent(self, tracer, collector):
        exporter, tracer = tracer()
        exporter.begin("request-1", tracer.start_span("root"))
        pid = os.fork()
        if pid == 0:
            exporter.snapshot("request-1")
            os._exit(0)
        os.waitpid(pid, 0)
        exporter.end("request-1")

        assert [one.phase for one in collector.wait_for_end("request-1")] == ["start", "end"]
        assert collector.connection_count == 1


class TestWhereSpansEnd:
    """On any thread, in a signal handler, in a child process."""

    def test_in_a_signal_handler_while_a_span_is_being_sent(self, collector, export, monkeypatch):
        exporter = export(collector)
        send = exporter._link._connection.send

        def interrupted(request, timeout_s):
            monkeypatch.setattr(exporter._link._connection, "send", send)
            signal.raise_signal(signal.SIGUSR1)
            send(request, timeout_s)

        previous = signal.signal(signal.SIGUSR1, lambda *_: exporter.take(ended("in the handler")))
        try:
            monkeypatch.setattr(exporter._link._connection, "send", interrupted)
            exporter.take(ended("interrupted"))
            exporter.begin("request-1", None)
            exporter.end("request-1")
        finally:
            signal.signal(signal.SIGUSR1, previous)

        requests = collector.wait_for(lambda requests: len(requests) == 2)
        assert [names(one) for one in requests] == [["interrupted"], ["in the handler"]]

    @pytest.mark.parametrize("kind", [TimeoutError, ValueError])
    @pytest.mark.parametrize("step", ["recv", "send"])
    def test_what_a_signal_handler_raises_reaches_the_customer_and_no_span_is_lost(
        self, collector, export, monkeypatch, kind, step
    ):
        def on_signal(*_):
            message = "out of time"
            raise kind(message)

        class InterruptedSocket(socket.socket):
            def recv(self, *_args):
                if step == "recv":
                    signal.raise_signal(signal.SIGUSR1)
                raise BlockingIOError

            def send(self, *_args):
                signal.raise_signal(signal.SIGUSR1)
                return 0

        exporter = export(collector)
        exporter.begin("request-1", None)
        previous = signal.signal(signal.SIGUSR1, on_signal)
        try:
            with InterruptedSocket() as interrupted:
                monkeypatch.setattr(exporter._link._connection, "_socket", interrupted)
                with pytest.raises(kind, match="out of time"):
                    in_invocation("request-1", lambda: exporter.take(ended("interrupted")))
                assert exporter._link._connection._socket is None
        finally:
            signal.signal(signal.SIGUSR1, previous)
        exporter.end("request-1")

        assert names(collector.wait_for_end("request-1")[-1]) == ["interrupted"]

    @pytest.mark.usefixtures("busy")
    def test_in_a_child_process_the_parent_s_connection_is_left_alone(self, collector, export):
        exporter = export(collector)
        exporter.begin("request-1", started("root"))
        in_invocation("request-1", lambda: exporter.take(ended("the parent's")))
        pid = os.fork()
        if pid == 0:
            exporter.take(ended("the child's"))
            os._exit(0)
        os.waitpid(pid, 0)
        exporter.end("request-1")

        collector.wait_for_end("request-1")
        requests = collector.wait_for(lambda requests: len(requests) == 3)
        assert sorted(name for one in requests for name in names(one)) == [
            "root",
            "the child's",
            "the parent's",
        ]
        assert collector.connection_count == 2

    def test_a_fault_of_ours_does_not_reach_the_customer_s_code(self, collector, export, lines):
        exporter = export(collector)

        exporter.take(object())

        (line,) = lines
        assert line.startswith("cannot export a span: AttributeError: ")


class TestTheSdkAroundIt:
    """Which spans reach it."""

    def test_only_sampled_spans_do(self):
        taken: list[ReadableSpan] = []
        processor = sdk.SampledSpans(taken.append, taken.append)
        span = ended()
        processor.on_end(span)
        unsampled = ReadableSpan("x", SpanContext(1, 2, is_remote=False))

        processor.on_end(unsampled)

        assert taken == [span]

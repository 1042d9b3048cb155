"""Orders to several exporters: each has a thread of its own, and each order an end of its own."""

from __future__ import annotations

import select
import subprocess
import sys
import threading

import pytest

from collector_ext.core.actions import Export
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.core.events import Delivered, ExportFinished, Failed
from collector_ext.core.otlp import LOGS, PROTOBUF, TRACES, ExportRequest, Payload
from collector_ext.edge.exporter import Exporter
from collector_ext.edge.http_client import PeerError
from tests.fakes.collector_process import SOURCE
from tests.fakes.outcomes import failed

PATIENCE_S = 10.0


def request(exporter, body=b"1", signal=TRACES):
    return ExportRequest(exporter, signal, (Payload(signal, PROTOBUF, body, 1, is_suspect=False),))


TIMEOUT = Failure(failures.TIMEOUT, "no answer in time", None)

FAULT = failed(request("one"), "RuntimeError", failures.LOCAL)


def delivered(order):
    return Delivered(order, 0, "")


class Sender:
    """Answers what it is told to."""

    def __init__(self, answer=delivered):
        self.sent = []
        self.is_closed = False
        self._answer = answer

    def peer_of(self, order):
        return order.signal

    def send(self, order, deadline_at):
        self.sent.append((order, deadline_at))
        return self._answer(order)

    def close(self):
        self.is_closed = True


def silent(_order):
    raise PeerError(TIMEOUT)


def broken(_order):
    message = "a fault of ours"
    raise RuntimeError(message)


def finished_by(exporter):
    """Wait for the end of an order."""
    ready, _, _ = select.select([exporter.interests()[0][0]], [], [], PATIENCE_S)
    assert ready, "the order does not end"
    (finished,) = exporter.events()
    return finished


def outcomes_of(exporter, *requests):
    """Order an export, and wait for its end."""
    exporter.export(Export("one", requests, 5.0))
    finished = finished_by(exporter)
    assert finished.exporter == "one"
    return list(finished.outcomes)


@pytest.fixture
def exporter_of():
    """Make exporters whose threads end with the test."""
    made = []

    def make(**senders):
        made.append(Exporter(senders))
        return made[-1]

    yield make
    for exporter in made:
        exporter.close()


class TestAnOrder:
    """It ends once, with an outcome for each request, in their order."""

    def test_goes_to_its_exporter(self, exporter_of):
        one, other = Sender(), Sender()
        requests = [request("one"), request("one", b"2")]

        outcomes = outcomes_of(exporter_of(one=one, other=other), *requests)

        assert outcomes == [delivered(r) for r in requests]
        assert one.sent == [(requests[0], 5.0), (requests[1], 5.0)]
        assert other.sent == []

    def test_may_be_followed_by_another(self, exporter_of):
        exporter = exporter_of(one=Sender())

        assert outcomes_of(exporter, request("one")) == [delivered(request("one"))]
        assert outcomes_of(exporter, request("one", b"2")) == [delivered(request("one", b"2"))]

    def test_does_not_wait_for_that_of_another_exporter(self, exporter_of):
        may_end = threading.Event()

        def late(order):
            assert may_end.wait(PATIENCE_S)
            return delivered(order)

        exporter = exporter_of(late=Sender(late), one=Sender())
        for name in ("late", "one"):
            exporter.export(Export(name, (request(name),), 5.0))

        assert finished_by(exporter) == ExportFinished("one", (delivered(request("one")),))
        may_end.set()
        assert finished_by(exporter) == ExportFinished("late", (delivered(request("late")),))

    def test_has_no_end_before_each_request_has_one(self, exporter_of):
        may_end = threading.Event()
        sent = threading.Event()

        def late(order):
            if order == request("one", b"2"):
                sent.set()
                assert may_end.wait(PATIENCE_S)
            return delivered(order)

        exporter = exporter_of(one=Sender(late))
        requests = (request("one"), request("one", b"2"))
        exporter.export(Export("one", requests, 5.0))
        assert sent.wait(PATIENCE_S)

        assert exporter.events() == []
        may_end.set()
        assert finished_by(exporter).outcomes == tuple(delivered(r) for r in requests)


class TestAPeerThatIsSilent:
    """It is not paid for twice in one order."""

    def test_fails_what_else_is_for_it(self, exporter_of):
        sender = Sender(silent)
        requests = [request("one"), request("one", b"2"), request("one", b"3", LOGS)]

        outcomes = outcomes_of(exporter_of(one=sender), *requests)

        assert outcomes == [Failed(r, TIMEOUT) for r in requests]
        assert [order for order, _ in sender.sent] == [requests[0], requests[2]]

    def test_is_tried_again_by_the_next_order(self, exporter_of):
        sender = Sender(silent)
        exporter = exporter_of(one=sender)

        outcomes_of(exporter, request("one"))
        outcomes_of(exporter, request("one"))

        assert len(sender.sent) == 2


class TestAFaultOfOurs:
    """It is an outcome like any, and the connection is not used again."""

    @pytest.fixture
    def sender(self):
        return Sender(broken)

    def test_is_the_reason_of_a_failure(self, sender, exporter_of):
        (outcome,) = outcomes_of(exporter_of(one=sender), request("one"))

        assert outcome == FAULT
        assert sender.is_closed

    def test_is_so_even_if_the_connection_cannot_be_closed(self, sender, exporter_of):
        def close():
            message = "another fault of ours"
            raise RuntimeError(message)

        sender.close = close
        exporter = exporter_of(one=sender)

        assert outcomes_of(exporter, request("one")) == [FAULT]
        assert outcomes_of(exporter, request("one")) == [FAULT]


NO_THREAD = """
import resource, sys; sys.path.insert(0, sys.argv[1])
from collector_ext.core.actions import Export
from collector_ext.core.otlp import PROTOBUF, TRACES, ExportRequest, Payload
from collector_ext.edge.exporter import Exporter
import _thread; _thread.stack_size(1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
exporter = Exporter({"one": None})
payload = Payload(TRACES, PROTOBUF, b"1", 1, is_suspect=False)
exporter.export(Export("one", (ExportRequest("one", TRACES, (payload,)),), 5.0))
((outcome,),) = [finished.outcomes for finished in exporter.events()]
print(type(outcome).__name__, outcome.failure.reason)
"""


def test_an_order_without_a_thread_to_be_had_has_an_end_too():
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", NO_THREAD, str(SOURCE)],
        check=True,
        capture_output=True,
        text=True,
    )

    assert finished.stdout == "Failed can't start new thread\n"

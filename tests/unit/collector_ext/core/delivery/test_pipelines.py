"""From receipt to export, by way of processors and to several exporters."""

from __future__ import annotations

import pytest

from collector_ext.core.actions import WARN, Say
from collector_ext.core.delivery import pipelines as module
from collector_ext.core.delivery.outbox import Outbox
from collector_ext.core.delivery.pipelines import Pipeline, Pipelines
from collector_ext.core.events import Delivered
from collector_ext.core.otlp import JSON, LOGS, METRICS, PROTOBUF, TRACES, ExportRequest, Payload
from tests.fakes.outcomes import failed
from tests.fakes.trace_requests import export_request

NAMES = {signal: f"https://a.example{signal.path}" for signal in (TRACES, METRICS, LOGS)}


def payload(body, signal=TRACES, content_type=PROTOBUF):
    return Payload(signal, content_type, body, is_suspect=False)


A = payload(export_request(("a", b"a" * 8)))
B = payload(export_request(("b", b"b" * 8)))
LOG = payload(b"\n\x00", LOGS)


class Upper:
    """A processor that makes letters capital."""

    def process(self, _signal, body):
        return body.replace(b"a" * 8, b"A" * 8)


class Whole(Upper):
    """One that needs the whole invocation."""

    needs_whole = True

    def __init__(self):
        self.seen = []

    def process(self, _signal, body):
        self.seen.append(body)
        return body


class Broken:
    """One with a fault."""

    def process(self, _signal, body):
        return body[len(body)]


class Nothing:
    """One that leaves everything out."""

    def process(self, _signal, _body):
        return b""


def no_json(_signal, _body):
    message = "not json"
    raise ValueError(message)


class Way:
    """A pipeline of traces with some processors, to the exporters ``one`` and ``other``."""

    def __init__(self, *processors, transcode=no_json):
        self.outboxes = {name: Outbox(name, NAMES) for name in ("one", "other")}
        pipeline = Pipeline("traces", TRACES, processors, tuple(self.outboxes.values()))
        self.pipelines = Pipelines((pipeline,), self.outboxes, transcode)

    def given(self, *payloads):
        assert self.pipelines.put(payloads) == []
        return self

    def takes(self, *, is_over=True):
        said, requests = self.pipelines.take(is_over=is_over)
        assert said == []
        return [(request.exporter, request.merged()) for request in requests]

    def settles(self, requests, **outcomes):
        return self.pipelines.settle([outcomes[r.exporter](r) for r in requests])


def delivered(request):
    return Delivered(request, 0, "")


class TestAPipeline:
    """It hands what it is given to all of its exporters."""

    def test_sends_to_each(self):
        way = Way().given(A, B)

        assert way.takes() == [("one", A.body + B.body), ("other", A.body + B.body)]
        assert way.pipelines.is_in_flight

    def test_lets_other_signals_go(self):
        way = Way().given(LOG)

        assert not way.pipelines.has_waiting

    def test_lets_an_empty_body_go(self):
        assert not Way().given(payload(b"")).pipelines.has_waiting

    def test_keeps_for_one_what_the_other_has(self):
        way = Way().given(A)
        _, requests = way.pipelines.take(is_over=True)

        (said,) = way.settles(requests, one=delivered, other=failed)

        assert "cannot export" in said.text
        assert way.pipelines.has_waiting
        assert way.takes() == [("other", A.body)]

    def test_keeps_what_is_for_one_that_is_left_out(self):
        way = Way().given(A)

        _, requests = way.pipelines.take(is_over=True, but={"one"})

        assert [request.exporter for request in requests] == ["other"]
        way.settles(requests, other=delivered)
        assert way.takes() == [("one", A.body)]

    def test_gives_up_what_is_left_for_each(self):
        way = Way().given(A)

        said = way.pipelines.discard("at shutdown")

        assert len(said) == 2
        assert not way.pipelines.has_waiting

    def test_complains_once(self):
        way = Way()

        assert way.pipelines.complain("next", "why", "text") == [Say(WARN, "text")]
        assert way.pipelines.complain("next", "why", "text") == []


class TestProcessors:
    """They see all that is held at an export, in their order."""

    def test_change_what_is_exported(self):
        way = Way(Upper()).given(A)

        assert way.pipelines.has_waiting
        assert way.takes() == [
            (name, A.body.replace(b"a" * 8, b"A" * 8)) for name in ("one", "other")
        ]

    def test_see_everything_at_once(self):
        whole = Whole()

        Way(whole).given(A, B).takes()

        assert whole.seen == [A.body + B.body]

    def test_may_leave_nothing(self):
        way = Way(Nothing(), Whole()).given(A)

        assert way.takes() == []
        assert not way.pipelines.has_waiting

    def test_that_need_the_whole_invocation_get_it(self):
        way = Way(Whole()).given(A)

        assert way.takes(is_over=False) == []
        assert way.pipelines.has_waiting
        assert [exporter for exporter, _ in way.takes()] == ["one", "other"]

    def test_that_do_not_are_not_waited_for(self):
        assert len(Way(Upper()).given(A).takes(is_over=False)) == 2

    def test_are_not_asked_when_nothing_is_held(self):
        whole = Whole()

        Way(whole).takes()

        assert whole.seen == []

    def test_hand_on_one_resource_after_the_other(self):
        way = Way(Whole()).given(A, B)
        _, requests = way.pipelines.take(is_over=True)

        assert [p.body for p in requests[0].payloads] == [A.body, B.body]

    def test_hand_on_what_is_no_message_as_it_is(self):
        broken = payload(b"\xff")

        assert Way(Whole()).given(broken).takes() == [("one", b"\xff"), ("other", b"\xff")]


class TestAFaultOfAProcessor:
    """It costs what the processor was given, aloud, and nothing else."""

    def test_is_said(self):
        way = Way(Broken()).given(A, B)

        said, requests = way.pipelines.take(is_over=True)

        assert requests == ()
        found = "the processors of traces failed: IndexError"
        assert said == [Say(WARN, f"{found}; the 2 payloads that they were given are dropped")]
        assert not way.pipelines.has_waiting

    def test_is_said_once_and_counted(self):
        way = Way(Broken()).given(A)
        way.pipelines.take(is_over=True)

        assert way.given(A).takes() == []
        assert [line.text for line in way.pipelines.discard("at shutdown")] == [
            "1 more payloads were dropped before processing for reasons given above"
        ]


class TestJson:
    """Processors work on protobuf."""

    TEXT = payload(b"{}", TRACES, JSON)

    def test_is_transcoded_for_them(self):
        way = Way(Upper(), transcode=lambda _signal, _body: A.body).given(self.TEXT)

        assert way.takes()[0] == ("one", A.body.replace(b"a" * 8, b"A" * 8))

    def test_goes_on_as_it_came_without_them(self):
        way = Way().given(self.TEXT)

        _, requests = way.pipelines.take(is_over=True)
        assert requests[0] == ExportRequest("one", TRACES, (self.TEXT,))

    def test_that_cannot_be_read_is_dropped_aloud(self):
        way = Way(Upper()).given(self.TEXT)

        said, requests = way.pipelines.take(is_over=True)

        assert requests == ()
        assert [line.text for line in said] == [
            "traces in JSON cannot be processed: not json; they are dropped"
        ]

    def test_that_cannot_be_read_again_and_again_is_counted_to_the_end(self):
        way = Way(Upper()).given(self.TEXT)
        way.pipelines.take(is_over=True)
        way.given(self.TEXT)
        assert way.takes() == []

        said = way.pipelines.discard("at shutdown")

        assert [line.text for line in said] == [
            "1 more payloads were dropped before processing for reasons given above"
        ]

    def test_says_so_at_the_end_too(self):
        way = Way(Upper()).given(self.TEXT)

        assert [line.level for line in way.pipelines.discard("at shutdown")] == [WARN]


class TestTheBound:
    """What waits for processors is bounded: the oldest makes room."""

    def test_it_is_said(self, monkeypatch):
        monkeypatch.setattr(module, "BUFFER_BYTES_MAX", len(A.body))
        way = Way(Whole()).given(A)

        (said,) = way.pipelines.put([B])

        assert "wait for the processors of traces; the 1 oldest payloads are dropped" in said.text
        assert way.takes()[0] == ("one", B.body)

    def test_what_is_dropped_in_silence_is_counted_to_the_end(self, monkeypatch):
        monkeypatch.setattr(module, "BUFFER_BYTES_MAX", len(A.body))
        way = Way(Whole())
        way.pipelines.put([A, B])

        said = [*way.pipelines.put([A, B]), *way.pipelines.discard("at shutdown")]

        assert said[0] == Say(
            WARN, "2 more payloads were dropped before processing for reasons given above"
        )
        assert len(said) == 3
        assert way.pipelines.discard("at shutdown") == []


@pytest.mark.parametrize("body", [b"", A.body, A.body + B.body])
def test_the_parts_of_a_message_are_the_message(body):
    assert b"".join(module._parts(body)) == body

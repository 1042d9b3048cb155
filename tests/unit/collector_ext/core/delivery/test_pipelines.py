"""From receipt to export, by way of processors and to several exporters."""

from __future__ import annotations

import pytest

from collector_ext.core.actions import WARN, Export, Keep, Say
from collector_ext.core.delivery import pipelines as module
from collector_ext.core.delivery.failures import TIMEOUT
from collector_ext.core.delivery.outbox import AWAITED, Limits
from collector_ext.core.delivery.pipelines import Pipeline, Pipelines
from collector_ext.core.events import Delivered, ExportFinished
from collector_ext.core.otlp import JSON, LOGS, METRICS, PROTOBUF, TRACES, ExportRequest
from tests.fakes.outcomes import failed
from tests.fakes.payloads import payload_of
from tests.fakes.pipelines import DEFAULT_LIMITS, outbox_to
from tests.fakes.trace_requests import export_request

NOW = 1_000.0
UNTIL = NOW + 10
NAMES = {signal: f"https://a.example{signal.path}" for signal in (TRACES, METRICS, LOGS)}


def payload(body, signal=TRACES, content_type=PROTOBUF):
    return payload_of(signal, content_type, body)


A = payload(export_request(("a", b"a" * 8)))
B = payload(export_request(("b", b"b" * 8)))
TWO = payload(export_request(("a", b"a" * 8), ("b", b"b" * 8)))
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


class Half:
    """One that leaves out the first resource."""

    def process(self, _signal, body):
        return body[len(A.body) :]


class Way:
    """A pipeline of traces with some processors, to the exporters ``one`` and ``other``."""

    def __init__(
        self, *processors, transcode=no_json, held_bytes_max=1_000_000, limits=DEFAULT_LIMITS
    ):
        self.outboxes = {name: outbox_to(NAMES, name, limits) for name in ("one", "other")}
        self.pipeline = Pipeline(
            "traces",
            TRACES,
            processors,
            tuple(self.outboxes.values()),
            held_bytes_max=held_bytes_max,
        )
        self.pipelines = Pipelines((self.pipeline,), self.outboxes, transcode)

    def given(self, *payloads):
        assert self.pipelines.put(payloads) == []
        return self

    def acts(self, *, is_over=True, at=NOW):
        """What is said in a flush that begins now, and its exports."""
        self.pipelines.start_flush(at, AWAITED)
        actions = self.pipelines.take(at, UNTIL, is_over=is_over)
        exports = [action for action in actions if isinstance(action, Export)]
        return [action for action in actions if isinstance(action, Say)], exports

    def takes(self, *, is_over=True, at=NOW):
        """What each exporter is to send."""
        said, exports = self.acts(is_over=is_over, at=at)
        assert said == []
        return [(export.exporter, merged) for export in exports for merged in merged_by(export)]

    def settles(self, exports, at=NOW, **outcomes):
        """What is said when these have come to an end."""
        return [
            said
            for e in exports
            for said in self.pipelines.settle(
                ExportFinished(e.exporter, tuple(map(outcomes[e.exporter], e.requests))), at
            )
        ]

    def counts(self):
        """What was received, handed on and dropped."""
        account = self.pipeline.account
        return account.received, account.exported, account.dropped


def merged_by(export):
    return [request.merged() for request in export.requests]


def delivered(request):
    return Delivered(request, 0, "")


def silent(request):
    return failed(request, "no answer in time", TIMEOUT)


class TestAPipeline:
    """It hands what it is given to all of its exporters."""

    def test_sends_to_each(self):
        way = Way().given(A, B)

        assert way.acts() == (
            [],
            [
                Export(name, (ExportRequest(name, TRACES, (A, B)),), UNTIL)
                for name in ("one", "other")
            ],
        )
        assert way.counts() == (2, 2, {})

    def test_lets_other_signals_go(self):
        way = Way().given(LOG)

        assert not way.pipelines.has_waiting
        assert way.pipelines.received == {TRACES: 0, METRICS: 0, LOGS: 1}

    def test_lets_an_empty_body_go(self):
        assert not Way().given(payload(b"")).pipelines.has_waiting

    def test_keeps_for_one_what_the_other_has(self):
        way = Way().given(A)
        _, exports = way.acts()

        way.settles(exports, one=delivered, other=failed)

        assert way.pipelines.has_waiting
        assert way.takes(at=NOW + 1) == [("other", A.body)]

    def test_complains_once(self):
        way = Way()

        assert way.pipelines.complain("next", "why", "text") == [Say(WARN, "text")]
        assert way.pipelines.complain("next", "why", "text") == []

    def test_knows_its_exporters(self):
        way = Way()

        assert [*way.pipelines.outboxes] == [*way.outboxes.values()]


class TestTimes:
    """They are those of the exporters together."""

    def test_of_exports_in_flight_the_latest_counts(self):
        way = Way().given(A)
        assert way.pipelines.in_flight_until(NOW) is None
        _, (one, _) = way.acts()

        assert way.pipelines.in_flight_until(NOW) == UNTIL
        way.settles([one], one=delivered)
        assert way.pipelines.in_flight_until(NOW) == UNTIL

    def test_those_that_should_have_ended_do_not_count(self):
        way = Way().given(A)
        way.acts()

        assert way.pipelines.in_flight_until(UNTIL) is None

    def test_of_tries_the_first_counts(self):
        way = Way().given(A)
        _, exports = way.acts()
        assert way.pipelines.try_at(NOW) is None

        way.settles(exports, one=failed, other=failed)

        assert way.pipelines.try_at(NOW) == NOW + 0.1

    def test_a_closed_flush_has_none(self):
        way = Way()
        way.pipelines.start_flush(NOW, AWAITED)
        way.pipelines.close_flush()
        way.given(A)

        assert way.pipelines.try_at(NOW) is None

    def test_another_flush_makes_sense_when_the_first_exporter_has_rested(self):
        way = Way().given(A)
        _, exports = way.acts()
        assert way.pipelines.rests_until(NOW) == NOW

        way.settles(exports, one=failed, other=delivered)

        assert way.pipelines.rests_until(NOW) == NOW + 0.1

    def test_or_at_once_when_processors_have_something_to_do(self):
        way = Way(Upper()).given(A)
        way.settles(way.acts()[1], one=failed, other=failed)
        way.given(A)

        assert way.pipelines.rests_until(NOW) == NOW


class TestProcessors:
    """They see all that is held at an export, in their order."""

    def test_change_what_is_exported(self):
        way = Way(Upper()).given(A)

        assert way.pipelines.has_waiting
        assert way.takes() == [
            (name, A.body.replace(b"a" * 8, b"A" * 8)) for name in ("one", "other")
        ]
        assert way.counts() == (1, 1, {})

    def test_see_everything_at_once(self):
        whole = Whole()

        Way(whole).given(A, B).takes()

        assert whole.seen == [A.body + B.body]

    def test_may_leave_nothing(self):
        way = Way(Nothing(), Whole()).given(A, TWO)

        assert way.takes() == []
        assert not way.pipelines.has_waiting
        assert way.counts() == (3, 0, {"filtered": 3})

    def test_may_leave_some(self):
        way = Way(Half()).given(A, B)

        assert way.takes()[0] == ("one", B.body)
        assert way.counts() == (2, 1, {"filtered": 1})

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
        _, (export, _) = Way(Whole()).given(A, B).acts()

        assert export.requests[0].payloads == (A, B)

    def test_hand_on_what_is_no_message_as_it_is(self):
        broken = payload(b"\xff")

        assert Way(Whole()).given(broken).takes() == [("one", b"\xff"), ("other", b"\xff")]


class TestWhatCannotBeCountedOnReceipt:
    """A fault in a message hides the items behind it; cut in parts, more of them are found."""

    BROKEN = b"\n\x04\x12\x02\x12\x7f"

    def test_is_no_item_that_was_left_out(self):
        way = Way(Whole()).given(payload_of(TRACES, PROTOBUF, A.body + self.BROKEN + B.body))

        assert way.takes()[0] == ("one", A.body + self.BROKEN + B.body)
        assert way.counts() == (2, 2, {})
        assert way.pipeline.account.carried == 0


class TestAFaultOfAProcessor:
    """It costs what the processor was given, aloud, and nothing else."""

    def test_is_said(self):
        way = Way(Broken()).given(A, B)

        said, exports = way.acts()

        assert exports == []
        found = "the processors of traces failed: IndexError"
        assert said == [Say(WARN, f"{found}; the 2 payloads that they were given are dropped")]
        assert not way.pipelines.has_waiting
        assert way.counts() == (2, 0, {"processor": 2})

    def test_is_said_once_and_counted(self):
        way = Way(Broken()).given(A)
        way.acts()

        assert way.given(A).takes() == []
        assert [line.text for line in way.pipelines.leave("at shutdown", is_reset=False)] == [
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

        _, (export, _) = way.acts()
        assert export.requests == (ExportRequest("one", TRACES, (self.TEXT,)),)

    def test_that_cannot_be_read_is_dropped_aloud(self):
        way = Way(Upper()).given(self.TEXT)

        said, exports = way.acts()

        assert exports == []
        assert [line.text for line in said] == [
            "traces in JSON cannot be processed: not json; they are dropped"
        ]
        assert way.counts() == (1, 0, {"content": 1})

    def test_that_cannot_be_read_again_and_again_is_counted_to_the_end(self):
        way = Way(Upper()).given(self.TEXT)
        way.acts()
        way.given(self.TEXT)
        assert way.takes() == []

        said = way.pipelines.leave("at shutdown", is_reset=False)

        assert [line.text for line in said] == [
            "1 more payloads were dropped before processing for reasons given above"
        ]

    def test_says_so_at_the_end_too(self):
        way = Way(Upper()).given(self.TEXT)

        assert [line.level for line in way.pipelines.leave("at shutdown", is_reset=False)] == [WARN]


class TestTheBound:
    """What waits for processors is bounded: the oldest makes room."""

    def bound(self):
        return Way(Whole(), held_bytes_max=len(A.body))

    def test_it_is_said(self):
        way = self.bound().given(A)

        (said,) = way.pipelines.put([B])

        bound = len(A.body)
        assert said == Say(
            WARN,
            f"more than {bound} bytes wait for the processors of traces; "
            "the 1 oldest payloads are dropped",
        )
        assert way.takes()[0] == ("one", B.body)
        assert way.counts() == (2, 1, {"buffer_full": 1})

    def test_what_is_dropped_in_silence_is_counted_to_the_end(self):
        way = self.bound()
        way.pipelines.put([A, B])

        said = [*way.pipelines.put([A, B]), *way.pipelines.leave("at shutdown", is_reset=False)]

        assert said[0] == Say(
            WARN, "2 more payloads were dropped before processing for reasons given above"
        )
        assert len(said) == 3
        assert way.pipelines.leave("at shutdown", is_reset=False) == []


class TestWhatOutlivesTheProcess:
    """It is kept by each exporter for itself."""

    @pytest.fixture
    def keeping(self):
        way = Way(limits=Limits(**{**DEFAULT_LIMITS.__dict__, "spill_bytes_max": 1_000_000}))
        return way.given(A)

    def test_each_exporter_keeps_its_own(self, keeping):
        assert keeping.pipelines.keep() == [Keep("one", (A,)), Keep("other", (A,))]

    def test_what_one_has_delivered_is_kept_no_more(self, keeping):
        _, exports = keeping.acts()
        keeping.pipelines.keep()

        _, released = keeping.settles(exports, one=silent, other=delivered)[-2:]

        assert released == Keep("other", ())

    def test_what_was_kept_goes_to_its_exporter(self):
        way = Way()

        assert way.pipelines.restore("other", (A,)) == []
        assert way.takes() == [("other", A.body)]

    def test_what_was_kept_for_an_exporter_that_is_gone_is_dropped_aloud(self):
        assert Way().pipelines.restore("gone", (A, B)) == [
            Say(WARN, "2 payloads were kept for gone, which is no exporter any more; dropped"),
            Keep("gone", ()),
        ]


class TestTheEnd:
    """What is left is given up, and it is told what became of everything."""

    def test_what_is_left_is_given_up_for_each(self):
        way = Way().given(A)

        said = way.pipelines.leave("at shutdown", is_reset=False)

        assert len(said) == 2
        assert not way.pipelines.has_waiting

    def test_so_is_what_waits_for_processors(self):
        way = Way(Upper()).given(A, B)
        way.pipelines.leave("at shutdown", is_reset=False)

        assert not way.pipelines.has_waiting
        assert [o.accounts[TRACES].dropped for o in way.outboxes.values()] == [{"shutdown": 2}] * 2

    def test_of_nothing_there_is_nothing_to_tell(self):
        assert Way().pipelines.summary() == ""

    def test_each_exporter_is_told_of(self):
        way = Way().given(TWO)
        way.settles(way.acts()[1], one=delivered, other=failed)

        assert way.pipelines.summary() == (
            "one: 2 spans received, 2 exported; other: 2 spans received, 0 exported, 2 carried over"
        )

    def test_so_is_what_was_left_out_on_the_way(self):
        way = Way(Nothing()).given(TWO)
        way.takes()

        assert way.pipelines.summary() == (
            "pipeline traces: 2 spans received, 0 handed on, 2 dropped (filtered 2)"
        )

    @pytest.mark.parametrize("endpoints", [(), (LOGS,)], ids=["none", "of another signal"])
    def test_so_is_what_goes_to_no_endpoint_of_any_exporter(self, endpoints):
        outbox = outbox_to({signal: NAMES[signal] for signal in endpoints}, "one")
        pipeline = Pipeline("traces", TRACES, (Whole(),), (outbox,), held_bytes_max=1_000)
        pipelines = Pipelines((pipeline,), {"one": outbox}, no_json)

        assert pipelines.put([TWO]) == []

        assert not pipelines.has_waiting
        assert pipelines.summary() == "2 spans received, without an exporter"

    def test_so_is_what_nobody_wanted(self):
        way = Way().given(LOG, payload(b"\n\x01x", METRICS))

        assert way.pipelines.summary() == (
            "1 data point received, without an exporter; 1 log record received, without an exporter"
        )


@pytest.mark.parametrize("body", [b"", A.body, A.body + B.body])
def test_the_parts_of_a_message_are_the_message(body):
    assert b"".join(module._parts(body)) == body

"""In whatever order beginnings, snapshots and ends arrive: one root for each try, no span twice.

The machine plays the function, which tells what it knows early, late, repeatedly or never, and
the lifecycle, which gives invocations up at any time. What a connection does not do is left out:
what has arrived as it ended, while nothing was held of its invocation, is not told as open later,
and nothing of an earlier try is.
"""

from __future__ import annotations

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from collector_ext.core.unfinished import ENDED_ID_COUNT_MAX, INVOCATION_COUNT_MAX, Unfinished
from tests.fakes.trace_requests import export_request, span_id, spans_in

NOW = 9.0  # s; spans of the fake start at 1.0 s, and end at 2.0 s
ENDED_NS, GIVEN_UP_NS = 2_000_000_000, 9_000_000_000

REQUESTS = ("r-1", "r-2")
CHILD_COUNT = 3


class Try:
    """One try of a request: its root, its children, and what was told of them."""

    def __init__(self, request_id: str, number: int) -> None:
        self.request_id = request_id
        self.root = span_id(number)
        self.children = [span_id(number + 1 + n) for n in range(CHILD_COUNT)]
        self.is_told = self.is_shown = self.is_ended = False


class Collector(RuleBasedStateMachine):
    """What is held, and everything that was exported of it."""

    def __init__(self) -> None:
        super().__init__()
        self.unfinished = Unfinished()
        self.numbers = count(1, 1 + CHILD_COUNT)
        self.tries = [Try(request_id, next(self.numbers)) for request_id in REQUESTS]
        self.exported: dict[bytes, int] = {}  # by span id, when it ends
        self.in_snapshots: set[bytes] = set()
        self.unannounced: set[bytes] = set()  # spans that ended with nothing held of their try

    def export(self, *bodies: bytes) -> None:
        """Note what leaves; nothing may leave twice."""
        for span in [span for body in bodies for span in spans_in(body)]:
            assert span.span_id not in self.exported
            is_given_up = span.end_time_unix_nano == GIVEN_UP_NS
            assert is_given_up == (span.status.code == span.status.STATUS_CODE_ERROR)
            self.exported[span.span_id] = span.end_time_unix_nano

    def a_try(self, data: st.DataObject) -> Try:
        """Choose one, the newest first."""
        return data.draw(st.sampled_from(self.tries[::-1]))

    def is_newest(self, one: Try) -> bool:
        """Whether there is no later try of its request."""
        return one is [each for each in self.tries if each.request_id == one.request_id][-1]

    @rule(request_id=st.sampled_from(REQUESTS))
    def try_again(self, request_id: str) -> None:
        """Lambda tries a request once more."""
        self.tries.append(Try(request_id, next(self.numbers)))

    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """A root is told, for the first time or with more attributes."""
        one = self.a_try(data)
        if not one.is_told and (one.is_ended or not self.is_newest(one)):
            return
        one.is_told = True
        body = export_request(("root", one.root), is_open=True)
        payloads = self.unfinished.start(one.request_id, body, now=NOW)
        self.export(*(payload.body for payload in payloads))

    @rule(data=st.data(), open_count=st.integers(0, CHILD_COUNT))
    def take_snapshot(self, data: st.DataObject, open_count: int) -> None:
        """What is open is told, or was when it was sent."""
        one = self.a_try(data)
        if not self.is_newest(one) or (one.is_ended and not one.is_told):
            return
        ids = [one.root, *one.children[:open_count]]
        ids = [id_ for id_ in ids if id_ not in self.unannounced]
        body = export_request(*(("open", id_) for id_ in ids), is_open=True)
        self.in_snapshots.update(ids)
        one.is_shown = True
        payloads = self.unfinished.snapshot(one.request_id, body, now=NOW)
        self.export(*(payload.body for payload in payloads))

    @rule(data=st.data(), number=st.integers(0, CHILD_COUNT - 1))
    def end_child(self, data: st.DataObject, number: int) -> None:
        """A child arrives as it ended, which it does once."""
        one = self.a_try(data)
        id_ = one.children[number]
        if self.exported.get(id_) == ENDED_NS:
            return
        body = export_request(("child", id_), parent=one.root)
        was_given_up = id_ in self.exported
        found = self.unfinished.receive(one.request_id, body)

        assert found == (b"" if was_given_up else body)
        self.export(found)
        if not one.is_told or one.root in self.exported:
            self.unannounced.add(id_)

    @rule(data=st.data(), is_last=st.booleans())
    def end(self, data: st.DataObject, *, is_last: bool) -> None:
        """A root arrives as it ended; again if it had been announced."""
        one = self.a_try(data)
        if one.is_ended and not one.is_told:
            return
        one.is_ended = True
        for other in self.tries:
            other.is_shown &= other.request_id != one.request_id or other is one
        body = export_request(("root", one.root))
        was_exported = one.root in self.exported
        found = self.unfinished.receive(one.request_id, body, is_last=is_last)

        assert found == (b"" if was_exported else body)
        self.export(found)

    @rule(request_id=st.sampled_from(REQUESTS))
    def give_up(self, request_id: str) -> None:
        """The platform tells that an invocation failed."""
        payloads = self.unfinished.give_up(request_id, "timeout", NOW)
        self.export(*(payload.body for payload in payloads))

    @rule(but=st.sampled_from(REQUESTS))
    def invoke(self, but: str) -> None:
        """Another invocation begins."""
        payloads = self.unfinished.give_up_all("no end", NOW, but=but)
        self.export(*(payload.body for payload in payloads))

    @precondition(lambda self: self.exported)
    @invariant()
    def only_what_a_snapshot_holds_is_given_up_besides_roots(self) -> None:
        """What nobody called open is not called unfinished."""
        given_up = {id_ for id_, end_ns in self.exported.items() if end_ns == GIVEN_UP_NS}
        assert given_up <= self.in_snapshots | {one.root for one in self.tries if one.is_told}

    @invariant()
    def it_is_bounded(self) -> None:
        """It remembers so much, and no more."""
        invocations = self.unfinished._invocations.values()
        assert len(invocations) <= INVOCATION_COUNT_MAX
        assert all(len(one.ended_ids) <= ENDED_ID_COUNT_MAX for one in invocations)

    def teardown(self) -> None:
        """At SHUTDOWN, what has begun has its root, whatever has become of it.

        If the beginning was lost a snapshot is one, until another try is told of.
        """
        payloads = self.unfinished.give_up_all("no end", NOW)
        self.export(*(payload.body for payload in payloads))

        begun = {one.root for one in self.tries if one.is_told}
        shown = {one.root for one in self.tries if one.is_shown and self.is_newest(one)}
        assert begun | shown <= self.exported.keys()


TestCollector = Collector.TestCase
TestCollector.settings = settings(stateful_step_count=40, deadline=None)

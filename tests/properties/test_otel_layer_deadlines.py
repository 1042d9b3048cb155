"""Whatever becomes of invocations and their clock, no timer of one acts for another.

The machine plays the handler's thread, the timer's and Lambda's freezer, in any order, with the
steps of the edge: the exporter is asked only about what the deadlines give out.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otel_layer.core.deadlines import LEAD_S, LEAD_SHARE, Deadlines
from otel_layer.core.open_spans import COUNT_MAX, OpenSpans


class Environment(RuleBasedStateMachine):
    """One process and its clock: one invocation at a time, as Lambda has it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.deadlines = Deadlines()
        self.spans = OpenSpans()
        self.ids = count()
        self.running: str | None = None
        self.began_at = self.deadline_at = self.now
        self.open: dict[int, Any] = {}
        self.told: set[str] = set()
        self.looks_at = self.deadlines.sleep()

    def times(self) -> tuple[float, float]:
        """When the running invocation is due, and its deadline."""
        remaining_s = self.deadline_at - self.began_at
        return self.deadline_at - min(LEAD_S, LEAD_SHARE * remaining_s), self.deadline_at

    @precondition(lambda self: self.running is None)
    @rule(remaining_s=st.sampled_from([1.0, 3.0, 30.0, 900.0]), is_retry=st.booleans())
    def begin(self, remaining_s: float, *, is_retry: bool) -> None:
        """Lambda invokes; an asynchronous one again under its old id."""
        number = next(self.ids)
        self.running = f"request-{0 if is_retry else number}"
        self.told.discard(self.running)
        self.began_at, self.deadline_at = self.now, self.now + remaining_s
        self.open = {}
        self.spans.begin(self.running, f"root of {number}")  # type: ignore[arg-type]  # any object
        if self.deadlines.set(self.running, remaining_s, self.now):
            self.look()

    @precondition(lambda self: self.running)
    @rule(is_forgotten=st.booleans())
    def end(self, *, is_forgotten: bool) -> None:
        """The handler returns, and the result is posted."""
        assert self.running
        if not is_forgotten:
            self.deadlines.unset(self.running)
        self.spans.finish(self.running)
        self.running = None

    @rule()
    def start_span(self) -> None:
        """A span starts, in the running invocation or in the rest of an earlier one."""
        number = next(self.ids)
        self.spans.start(self.running or "request-0", number, number)  # type: ignore[arg-type]  # any object
        if self.running:
            self.open[number] = number

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end_span(self, data: st.DataObject) -> None:
        """A span ends."""
        number = data.draw(st.sampled_from(sorted(self.open)))
        self.spans.end(number)
        del self.open[number]

    @rule(seconds=st.floats(0.001, 5))
    def pass_time(self, seconds: float) -> None:
        """Time passes, and the timer's thread wakes when it wanted to, or somewhat later."""
        until = self.now + seconds
        while self.looks_at <= until:
            self.now = max(self.now, self.looks_at)
            self.look()
        self.now = until

    @rule(seconds=st.floats(1, 10_000), first=st.booleans())
    def freeze(self, seconds: float, *, first: bool) -> None:
        """The environment is frozen: what expired meanwhile fires at once, or a little later."""
        self.now += seconds
        if first and self.looks_at <= self.now:
            self.look()

    @rule()
    def look(self) -> None:
        """The timer's thread looks; it may at any time."""
        for request_id in self.deadlines.due(self.now):
            assert self.spans.of(request_id) == [] or request_id == self.running
            if request_id == self.running:
                self.tell(request_id)
        self.looks_at = self.deadlines.sleep()

    def tell(self, request_id: str) -> None:
        """Make a snapshot, and compare it with what is true."""
        due_at, deadline_at = self.times()
        assert request_id not in self.told
        assert due_at - 1e-6 <= self.now < deadline_at + 1e-6
        root, *rest = map(str, self.spans.of(request_id))
        assert root.startswith("root of ")
        assert rest == list(map(str, sorted(self.open, reverse=True)))[:COUNT_MAX]
        self.told.add(request_id)

    @invariant()
    def no_deadline_is_slept_through(self) -> None:
        """The thread looks in time for the running invocation, if it has not been told of."""
        if self.running and self.running not in self.told and self.now < self.times()[0]:
            assert self.looks_at <= self.times()[0] + 1e-6


TestEnvironment = Environment.TestCase
TestEnvironment.settings = settings(stateful_step_count=60, deadline=None)

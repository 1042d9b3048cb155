"""What each flush strategy does, observed: when data leaves, what waits for it, what stays.

One story is played for each strategy, with the built layer in a real environment::

    root-1     the trace of a short invocation; then a freeze, longer than an interval
    root-2     the trace of the second, which ends when what it waits for has arrived; freeze
    early-3    a span that the third sends long before it ends
    root-3     the rest of its trace; it, too, ends when what it waits for has arrived
    freeze, SHUTDOWN

A strategy is what it makes of this: where in the story each of them arrives. Nothing is timed:
an invocation is held until something has arrived, or not at all.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_sandbox.sandbox import Sandbox
from tests.fakes.gate import Gate
from tests.fakes.scripted_endpoint import HTTP, ScriptedEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from lambda_sandbox.sandbox import Function

COLLECTOR = "collector_ext"

INTERVAL_S = 0.5
"""Far longer than a short invocation, and short enough to wait for."""

PATIENCE_S = 3.0
"""How long an invocation is held for what never arrives; only a failing test waits this long."""

ROOT_1, ROOT_2, EARLY_3, ROOT_3 = "root-1", "root-2", "early-3", "root-3"
EVERYTHING = (EARLY_3, ROOT_1, ROOT_2, ROOT_3)

IN_ITS_COURSE = "while its invocation runs"
AT_ITS_END = "before its invocation's freeze"
IN_THE_NEXT = "in the next invocation"
AT_SHUTDOWN = "at SHUTDOWN"
NEVER = "never"
"""When something arrived, seen from the invocation that it is about."""

THE_EXPORT = "the export"
NOTHING = "nothing"


@dataclass(frozen=True)
class Strategy:
    """One way to be configured, and what its story needs.

    Attributes:
        variables: For the collector.
        is_overlapping: Whether the collector asks next as soon as it has read INVOKE.
        warm_up_count: Short invocations before the story.
        second_until: What has to arrive before the second invocation ends.
        third_from: What has to arrive before the third one sends its first span.
        third_until: What has to arrive before the third one ends.
    """

    variables: Mapping[str, str]
    is_overlapping: bool = True
    warm_up_count: int = 0
    second_until: frozenset[str] = frozenset()
    third_from: frozenset[str] = frozenset()
    third_until: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Facts:
    """What was seen of a strategy.

    Attributes:
        trace: When the first invocation's trace arrived.
        early_span: When a span arrived that had ended long before its invocation.
        last_trace: When the last invocation's trace arrived.
        invocation_waits_for: Before the collector lets it end.
        left_behind: By each of the three freezes: what had been made and had not arrived.
        arrived: In all, each as often as it was accepted, in alphabetical order.
    """

    trace: str
    early_span: str
    last_trace: str
    invocation_waits_for: str
    left_behind: tuple[tuple[str, ...], ...]
    arrived: tuple[str, ...] = EVERYTHING


_INTERVAL = {"OTEL_LAYER_FLUSH_INTERVAL": str(round(INTERVAL_S * 1000))}

_FIRST = frozenset({ROOT_1})
_WITHIN = frozenset({ROOT_2, EARLY_3})

STRATEGIES = {
    "end": Strategy({"OTEL_LAYER_FLUSH_STRATEGY": "end"}, is_overlapping=False),
    "next": Strategy(
        {"OTEL_LAYER_FLUSH_STRATEGY": "next"}, second_until=_FIRST, third_from=frozenset({ROOT_2})
    ),
    "periodic": Strategy(
        {"OTEL_LAYER_FLUSH_STRATEGY": "periodic", **_INTERVAL},
        second_until=_FIRST,
        third_until=_WITHIN,
    ),
    "continuous": Strategy(
        {"OTEL_LAYER_FLUSH_STRATEGY": "continuous", **_INTERVAL},
        second_until=_FIRST,
        third_until=_WITHIN,
    ),
    "adaptive, seldom invoked": Strategy(
        {"OTEL_LAYER_FLUSH_STRATEGY": "adaptive", "OTEL_LAYER_ADAPTIVE_GAP": "1"},
        is_overlapping=False,
        warm_up_count=3,
    ),
    "adaptive, often invoked": Strategy(
        {
            "OTEL_LAYER_FLUSH_STRATEGY": "adaptive",
            "OTEL_LAYER_ADAPTIVE_INVOCATIONS": "2",
            **_INTERVAL,
        },
        warm_up_count=3,
        second_until=_FIRST,
        third_until=_WITHIN,
    ),
}
"""By the names that the documentation has for them."""


def observe(name: str, build: Callable[..., Function]) -> Facts:
    """Play the story under a strategy, and return what was seen.

    Args:
        name: Of the strategy.
        build: Returns a function of ``tasks/stories`` for a handler and variables.
    """
    strategy = STRATEGIES[name]
    with ScriptedEndpoint(HTTP) as endpoint:
        function = build("push.hold", {**endpoint.variables, **strategy.variables}, timeout_s=20.0)
        with Sandbox(function) as sandbox:
            story = _Story(sandbox, endpoint)
            for number in range(strategy.warm_up_count):
                story.invoke(f"warm-up-{number}")
            # An INVOKE that is read late finds what its own function has sent already.
            story.invoke(ROOT_1, is_read=strategy.is_overlapping)
            threading.Event().wait(INTERVAL_S)
            story.invoke(ROOT_2, until=strategy.second_until)
            story.invoke(ROOT_3, EARLY_3, begin=strategy.third_from, until=strategy.third_until)
        return story.facts()


class _Story:
    """One play of it. A root span is called like the request id of its invocation."""

    def __init__(self, sandbox: Sandbox, endpoint: ScriptedEndpoint) -> None:
        self._sandbox = sandbox
        self._endpoint = endpoint
        self._left_behind: dict[str, tuple[str, ...]] = {}
        self._made: list[str] = []

    def invoke(
        self,
        root: str,
        *early: str,
        is_read: bool = False,
        begin: frozenset[str] = frozenset(),
        until: frozenset[str] = frozenset(),
    ) -> None:
        """Invoke the function and wait until its environment is frozen.

        Args:
            root: The request id.
            *early: The names of spans to send before it ends.
            is_read: Whether the collector is to have read INVOKE before it goes on.
            begin: What has to have arrived before they are sent.
            until: What has to have arrived before it ends.
        """
        with (
            Gate(lambda: self._wait_for(begin, root if is_read else "")) as first,
            Gate(lambda: self._wait_for(until)) as second,
        ):
            event = {"names": early, "size": 10, "gates": [first.port, second.port]}
            outcome = self._sandbox.invoke(json.dumps(event).encode(), request_id=root)
        assert outcome.function_error is None, outcome.payload
        self._sandbox.wait_frozen()
        self._made += [*early, root]
        arrived = self._arrived_at_s
        self._left_behind[root] = tuple(
            name for name in self._made if name in EVERYTHING and name not in arrived
        )

    def _wait_for(self, names: frozenset[str], read: str = "") -> None:
        """Wait until all of it has arrived, or for what never will.

        Args:
            names: Of spans.
            read: The invocation whose INVOKE is to have been read; empty for none.
        """
        self._endpoint.wait_for(lambda: names <= self._arrived_at_s.keys(), PATIENCE_S)
        give_up_at = time.monotonic() + PATIENCE_S
        while read and not self._has_read(read) and time.monotonic() < give_up_at:
            threading.Event().wait(0.002)

    def _has_read(self, root: str) -> bool:
        """Return whether the collector has asked next since an invocation began."""
        moments = self._sandbox.timeline
        began = [n for n, moment in enumerate(moments) if moment.request_id == root]
        since = moments[began[0] :] if began else []
        return ("asked next", COLLECTOR) in {(moment.what, moment.who) for moment in since}

    @property
    def _arrived_at_s(self) -> dict[str, float]:
        """When each of them arrived, in monotonic seconds."""
        return {
            _name(span): arrival.at_s
            for arrival in self._endpoint.arrivals
            for span in arrival.spans
        }

    def facts(self) -> Facts:
        """Return what was seen, now that the environment has ended."""
        asked_at = self._first("asked next", COLLECTOR, after=self._invoked_at(ROOT_2))
        names = [_name(span) for arrival in self._endpoint.arrivals for span in arrival.spans]
        waits = asked_at > self._arrived_at_s.get(ROOT_2, asked_at)
        return Facts(
            trace=self._when(ROOT_1, of=ROOT_1, following=ROOT_2),
            early_span=self._when(EARLY_3, of=ROOT_3),
            last_trace=self._when(ROOT_3, of=ROOT_3),
            invocation_waits_for=THE_EXPORT if waits else NOTHING,
            left_behind=tuple(self._left_behind[root] for root in (ROOT_1, ROOT_2, ROOT_3)),
            arrived=tuple(sorted(name for name in names if name in EVERYTHING)),
        )

    def _when(self, name: str, *, of: str, following: str = "") -> str:
        """Return when something arrived, seen from the invocation that it is of."""
        arrived = self._arrived_at_s
        if name not in arrived:
            return NEVER
        at_s = arrived[name]
        if at_s < self._first("frozen", "environment", after=self._invoked_at(of)):
            return AT_ITS_END if at_s == arrived.get(of) else IN_ITS_COURSE
        if at_s > self._first("shutdown: spindown", "environment", after=0):
            return AT_SHUTDOWN
        return IN_THE_NEXT if following and at_s > self._invoked_at(following) else NEVER

    def _invoked_at(self, request_id: str) -> float:
        return next(
            moment.at_s
            for moment in self._sandbox.timeline
            if (moment.what, moment.request_id) == ("invoked", request_id)
        )

    def _first(self, what: str, who: str, *, after: float) -> float:
        return next(
            moment.at_s
            for moment in self._sandbox.timeline
            if (moment.what, moment.who) == (what, who) and moment.at_s > after
        )


def _name(span: Span) -> str:
    """Return what a span is called in the story: roots, after the request that they are of."""
    requests = (a.value.string_value for a in span.attributes if a.key == "faas.invocation_id")
    return next(requests, span.name)


def row(name: str, facts: Facts) -> tuple[str, str, str, str]:
    """Return what the documentation says of a strategy.

    Returns:
        Its name, when data leaves, what an invocation waits for, what a freeze leaves behind.
    """
    leaves = f"a trace: {facts.trace}; a span that ended long before: {facts.early_span}"
    left = "; ".join(", ".join(names) or "nothing" for names in facts.left_behind)
    return name, leaves, facts.invocation_waits_for, left

"""The function: what an instrumented one does in an invocation, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.events import ORDINARY, PayloadReceived
from collector_ext.core.otlp import LOGS, METRICS, SIGNALS
from tests.simulation.bodies import POISON, UNREADABLE, json_payload, payload
from tests.simulation.connection import Connection
from tests.simulation.internal_half import InternalHalf
from tests.simulation.spans import Span

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from collector_ext.core.events import Event
    from tests.simulation.agenda import Agenda
    from tests.simulation.conditions import Conditions
    from tests.simulation.ledger import Sent
    from tests.simulation.trace import Trace
    from tests.simulation.traces import Traces

SUCCESS, ERROR, CRASH = "success", "error", "crash"

FILLING_BYTES = (0, 0, 0, 0, 40, 400, 4000, 60_000)


class Run:
    """One invocation, as the function knows it.

    Attributes:
        trace: Its own, once the root has started.
        open: Those of its spans that have not ended, besides the root.
        is_over: Whether it has returned, or was ended.
    """

    def __init__(self, request_id: str, timeout_s: float, half: InternalHalf) -> None:
        self.request_id = request_id
        self.timeout_s = timeout_s
        self.half = half
        self.trace: Trace | None = None
        self.open: list[Span] = []
        self.is_over = False


class Function:
    """The code of the customer, the SDK in it and other clients.

    Args:
        conditions: Of the day.
        sent: Where it is noted what was sent.
        traces: Where it is noted what there is to send.
        agenda: Of the day.
        chance: Likewise.
        feed: Takes what the receiver makes of a request.
    """

    def __init__(  # noqa: PLR0913 - one argument for each part of the day
        self,
        conditions: Conditions,
        *,
        sent: Sent,
        traces: Traces,
        agenda: Agenda,
        chance: Random,
        feed: Callable[[Event], None],
    ) -> None:
        self._conditions = conditions
        self._sent = sent
        self._traces = traces
        self._agenda = agenda
        self._chance = chance
        self._feed = feed
        self._half = self._new_half()

    def _new_half(self) -> InternalHalf:
        faults = self._conditions.faults
        connection = Connection(self._agenda, self._chance, faults, self._sent, self._feed)
        return InternalHalf(connection, self._agenda)

    def fail_to_initialise(self) -> None:
        """End with an exception while the handler's module is imported."""
        chance, half = self._chance, self._half
        self._half = self._new_half()  # of the next process
        root = self._new_span(b"")
        root.is_error = chance.random() < 0.8
        if self._conditions.is_instrumented and chance.random() < 0.7:
            half.hold(root)
        half.die()

    def invoke(self, request_id: str, timeout_s: float, ended: Callable[[Run, str], None]) -> Run:
        """Run once.

        Args:
            request_id: The invocation.
            timeout_s: How long Lambda will let it run.
            ended: Told when it returns or crashes, and which of the two.
        """
        chance = self._chance
        # On Managed Instances each has a process of its own, as long as it runs.
        half = self._new_half() if self._conditions.is_managed else self._half
        run = Run(request_id, timeout_s, half)
        length_s = chance.choice((0.002, 0.05, 0.5, 5.0, 30.0)) * chance.random()
        how = chance.choice((SUCCESS,) * 10 + (ERROR, CRASH))
        if how == CRASH and chance.random() < 0.2:
            length_s = 0.0  # before it has begun, or as it does
        if self._conditions.is_instrumented:
            self._at(run, chance.choice((0.0, 0.0, 0.001)), self._start)
        for _ in range(chance.randint(0, 5)):
            act = chance.choice((self._trace,) * 6 + (self._measure, self._measure, self._snapshot))
            self._at(run, length_s * chance.random(), act)
        self._at(run, length_s + 0.0001, lambda run: self._end(run, how, ended))
        return run

    def _at(self, run: Run, delay_s: float, act: Callable[[Run], None]) -> None:
        self._agenda.after(delay_s + 1e-6, lambda: None if run.is_over else act(run))

    def _new_span(self, parent: bytes) -> Span:
        (id_,) = self._sent.new_ids(1)
        return Span(id_, parent, self._agenda.now)

    def _filling(self) -> bytes:
        if self._chance.random() < 0.04:
            return POISON
        return b"." * self._chance.choice(FILLING_BYTES)

    def _start(self, run: Run) -> None:
        root = self._new_span(b"")
        run.trace = self._traces.begin(run.request_id, root)
        run.half.begin(run.request_id, root, run.timeout_s)

    def _trace(self, run: Run) -> None:
        """Let spans start, and some end."""
        for _ in range(self._chance.randint(0, 4)):
            span = self._new_span(run.trace.root.id if run.trace else b"")
            self._traces.add(run.trace, span)
            run.half.note(run.request_id, span)
            run.open.append(span)
        self._end_some(run)

    def _snapshot(self, run: Run) -> None:
        """Take one more than the timer does, as another internal half might."""
        run.half.snapshot(run.request_id)

    def _end_some(self, run: Run) -> None:
        filling = self._filling()
        for _ in range(self._chance.randint(0, len(run.open))):
            span = run.open.pop(self._chance.randrange(len(run.open)))
            span.end(self._agenda.now)
            run.half.take(run.request_id, span, filling)
            filling = b""

    def _measure(self, run: Run) -> None:
        """Send what is of no invocation, or by a client that knows of none."""
        chance = self._chance
        is_json = chance.random() < 0.2
        signal = chance.choice(SIGNALS if is_json else (METRICS, LOGS))
        ids = self._sent.new_ids(chance.randint(1, 5))
        self._sent.ended[signal].update(dict.fromkeys(ids))
        filling = UNREADABLE if is_json and chance.random() < 0.3 else self._filling()
        posted = (json_payload if is_json else payload)(signal, ids, filling)
        request_id = run.request_id if chance.random() < 0.5 else ""
        self._feed(PayloadReceived(posted, request_id, ORDINARY))

    def _end(self, run: Run, how: str, ended: Callable[[Run, str], None]) -> None:
        """Return, or end with the process: before the end is told, as it is, or after it."""
        if how == CRASH and self._chance.random() < 0.5:
            self.die(run)
        elif run.trace is not None:
            self._tell_end(run, run.trace.root, is_last=how == CRASH)
        if how == CRASH and not run.is_over:
            run.half.die()
        run.is_over = True
        if self._chance.random() < 0.1:
            self._agenda.after(0.0, lambda: self._go_on(run))
        # The response is posted; a collector without telemetry may know of the end before.
        self._agenda.after(self._chance.choice((0.0, 0.003)), lambda: ended(run, how))

    def _tell_end(self, run: Run, root: Span, *, is_last: bool) -> None:
        """Tell the end; a process that ends as well may leave the root to the collector."""
        self._end_some(run)
        root.is_error = is_last or self._chance.random() < 0.2
        is_left = is_last and self._chance.random() < 0.7
        if not (is_left and run.half.begin(run.request_id, root)):
            root.end(self._agenda.now)
            run.half.take(run.request_id, root, self._filling())
        run.half.end(run.request_id)

    def _go_on(self, run: Run) -> None:
        """Let a thread send what nobody waits for, until the freeze and after it."""
        if self._chance.random() < 0.5:
            self._measure(run)
        else:
            self._end_some(run)
        if self._chance.random() < 0.9:
            self._agenda.after(self._chance.uniform(0.0, 0.02), lambda: self._go_on(run))

    def die(self, run: Run) -> None:
        """End its process; what is in its sockets may still be read."""
        if run.trace is not None and not run.is_over and self._chance.random() < 0.2:
            # Its last words, which nobody waits for.
            self._tell_end(run, run.trace.root, is_last=False)
        run.is_over = True
        run.half.die()

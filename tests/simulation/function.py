"""The function: what an instrumented one sends in an invocation, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collector_ext.core.events import END, ORDINARY, SNAPSHOT, START, PayloadReceived
from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from tests.simulation.bodies import POISON, UNREADABLE, json_payload, payload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from collector_ext.core.events import Event
    from tests.simulation.agenda import Agenda
    from tests.simulation.ledger import Sent

SUCCESS, ERROR, CRASH = "success", "error", "crash"

FILLING_BYTES = (0, 0, 0, 0, 40, 400, 4000, 60_000)


class Run:
    """One invocation, as the function knows it.

    Attributes:
        root: The id of its root span, once that is started.
        open: Those of its spans that have not ended.
        is_over: Whether it has returned, or was ended.
    """

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.root: bytes | None = None
        self.open: list[bytes] = []
        self.is_over = False


class Function:
    """The code of the customer, the SDK in it and other clients.

    Args:
        sent: Where it is noted what was sent.
        agenda: Of the day.
        chance: Likewise.
        feed: Takes what the receiver makes of a request.
        is_instrumented: Whether the internal half is there.
    """

    def __init__(
        self,
        sent: Sent,
        agenda: Agenda,
        chance: Random,
        feed: Callable[[Event], None],
        *,
        is_instrumented: bool,
    ) -> None:
        self._sent = sent
        self._agenda = agenda
        self._chance = chance
        self._feed = feed
        self._is_instrumented = is_instrumented

    def invoke(self, request_id: str, timeout_s: float, ended: Callable[[Run, str], None]) -> Run:
        """Run once.

        Args:
            request_id: The invocation.
            timeout_s: How long Lambda will let it run.
            ended: Told when it returns or crashes, and which of the two.
        """
        chance, run = self._chance, Run(request_id)
        length_s = chance.choice((0.002, 0.05, 0.5, 5.0, 30.0)) * chance.random()
        how = chance.choice((SUCCESS,) * 10 + (ERROR, CRASH))
        if self._is_instrumented:
            self._at(run, 0.0, self._start)
            if length_s > 0.6 * timeout_s:
                self._at(run, max(0.0, timeout_s - chance.uniform(0.1, 0.7)), self._snapshot)
        for _ in range(chance.randint(0, 5)):
            act = chance.choice((self._trace, self._trace, self._measure, self._snapshot))
            self._at(run, length_s * chance.random(), act)
        self._at(run, length_s + 0.0001, lambda run: self._end(run, how, ended))
        return run

    def _at(self, run: Run, delay_s: float, act: Callable[[Run], None]) -> None:
        self._agenda.after(delay_s + 1e-6, lambda: None if run.is_over else act(run))

    def _post(
        self, run: Run, phase: str, ids: Sequence[bytes], *, filling: bytes | None = None
    ) -> None:
        filling = self._filling() if filling is None else filling
        posted = payload(TRACES, ids, filling, round(self._agenda.now * 1000) * 1_000_000)
        self._feed(PayloadReceived(posted, run.request_id, phase))

    def _filling(self) -> bytes:
        if self._chance.random() < 0.04:
            return POISON
        return b"." * self._chance.choice(FILLING_BYTES)

    def _start(self, run: Run) -> None:
        (run.root,) = self._sent.new_ids(1)
        self._sent.roots[run.root] = None
        self._post(run, START, [run.root], filling=b"")

    def _snapshot(self, run: Run) -> None:
        if run.root is None or not run.open:
            return
        root = [run.root] if self._chance.random() < 0.5 else []
        self._sent.open.update(dict.fromkeys(run.open))
        self._post(run, SNAPSHOT, [*root, *run.open], filling=b"")

    def _trace(self, run: Run) -> None:
        run.open += self._sent.new_ids(self._chance.randint(0, 4))
        ended = [run.open.pop() for _ in range(self._chance.randint(0, len(run.open)))]
        if ended:
            self._sent.ended[TRACES].update(dict.fromkeys(ended))
            self._post(run, ORDINARY, ended)

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
        if how == CRASH and self._chance.random() < 0.7:
            self.die(run)
        elif run.root is not None:
            self._send_last(run)
        run.is_over = True
        if self._chance.random() < 0.1:
            self._agenda.after(0.0, lambda: self._go_on(run))
        # The response is posted; a collector without telemetry may know of the end before.
        self._agenda.after(self._chance.choice((0.0, 0.003)), lambda: ended(run, how))

    def _send_last(self, run: Run) -> None:
        assert run.root is not None
        ended = [run.open.pop() for _ in range(self._chance.randint(0, len(run.open)))]
        self._sent.ended[TRACES].update(dict.fromkeys([*ended, run.root]))
        self._post(run, END, [*ended, run.root])
        if self._chance.random() < 0.05:
            self._post(run, END, [run.root])  # on a new connection: there was no answer

    def _go_on(self, run: Run) -> None:
        """Let a thread send what nobody waits for, until the freeze and after it."""
        self._measure(run)
        if self._chance.random() < 0.9:
            self._agenda.after(self._chance.uniform(0.0, 0.02), lambda: self._go_on(run))

    def die(self, run: Run) -> None:
        """End its process; what is in its sockets may still be read."""
        run.is_over = True
        late = [] if run.root is None else [run.root]
        late += run.open[: self._chance.randint(0, len(run.open))]
        if late and self._chance.random() < 0.4:
            delay_s = self._chance.uniform(0.0, 0.1)
            self._agenda.after(delay_s, lambda: self._send_late(run, late))
        else:
            self._sent.hung.update((id_, None) for id_ in run.open if id_ in self._sent.open)

    def _send_late(self, run: Run, ids: list[bytes]) -> None:
        self._sent.ended[TRACES].update(dict.fromkeys(ids))
        self._post(run, ORDINARY, ids)

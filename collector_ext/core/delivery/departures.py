"""What waits for an export, and its flushes: begun by the lifecycle, or by a strategy's time."""

from __future__ import annotations

from collector_ext.core.delivery.flush import Flush
from collector_ext.core.delivery.outbox import ALONE, LAST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.actions import Action
    from collector_ext.core.delivery.pipelines import Pipelines
    from collector_ext.core.delivery.report import Report
    from collector_ext.core.delivery.strategy import Strategy
    from collector_ext.core.events import ExportFinished, KeptFound
    from collector_ext.core.otlp import Payload


class Departures:
    """Let payloads leave.

    Args:
        pipelines: Where they wait; owned from now on.
        strategy: When they leave with nobody waiting for it; likewise.
        report: The collector's own metrics, where they are asked for.

    Attributes:
        flush: The one that is going on, or the last one.
    """

    def __init__(self, pipelines: Pipelines, strategy: Strategy, report: Report | None) -> None:
        self.flush = Flush(pipelines)
        self._pipelines = pipelines
        self._strategy = strategy
        self._report = report
        self._waiting_since: float | None = None  # the first of what no flush has taken yet

    def put(self, payloads: list[Payload], now: float) -> list[Action]:
        """Let payloads wait; return what is to be said of it."""
        said = self._pipelines.put(payloads)
        self._note_waiting(now)
        return [*said]

    def restore(self, event: KeptFound, now: float) -> list[Action]:
        """Let wait what an earlier process has kept; return what is to be said of it."""
        actions = self._pipelines.restore(event.exporter, event.payloads)
        self._note_waiting(now)
        return actions

    def settle(self, event: ExportFinished, now: float, *, is_over: bool) -> list[Action]:
        """Take the outcome of an export into account; return what follows.

        Args:
            event: The outcome.
            now: The time.
            is_over: Whether no more of the invocation is to come.
        """
        actions: list[Action] = [*self._pipelines.settle(event, now)]
        actions += self.flush.orders(now, is_over=is_over)
        self._note_waiting(now)  # what failed waits anew
        return actions

    def begin(self, now: float, until: float, urgency: int, *, is_over: bool) -> list[Action]:
        """Begin a flush.

        Args:
            now: The time.
            until: The end of its budget.
            urgency: ALONE, AWAITED or LAST.
            is_over: As in ``settle``.
        """
        said: list[Action] = []
        if self._report is not None:
            said = self.put(self._report.payloads(now, is_last=urgency == LAST), now)
        self.flush.start(now, until, urgency)
        self._strategy.exported(now)
        orders = self.flush.orders(now, is_over=is_over)
        if urgency == ALONE:
            self.flush.close()
        self._waiting_since = now if self._pipelines.has_waiting else None
        return said + orders

    def due_at(self, now: float) -> float | None:
        """Return when the strategy wants what waits to leave; None for no time of its own."""
        if self._waiting_since is None or self.flush.is_going_on(now):
            return None
        export_at = self._strategy.export_at(self._waiting_since, now)
        return None if export_at is None else max(export_at, self._pipelines.rests_until(now))

    def _note_waiting(self, now: float) -> None:
        if not self._pipelines.has_waiting:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now

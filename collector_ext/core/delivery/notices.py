"""What is said of one exporter: each thing once until something changes, the rest as a count."""

from __future__ import annotations

from collector_ext.core.actions import INFO, WARN, Say
from collector_ext.core.delivery.complaints import Complaints
from collector_ext.core.otlp import Payload, Signal, item_count_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from collector_ext.core.delivery.failures import Failure
    from collector_ext.core.events import Delivered
    from collector_ext.core.otlp import ExportRequest

_BUFFER = "buffer"


class Notices:
    """Put into words what becomes of telemetry on its way to the endpoints of an exporter.

    Args:
        exporter: Its id in the configuration.
        endpoint_names: Where each signal goes, as people are told.
    """

    def __init__(self, exporter: str, endpoint_names: Mapping[Signal, str]) -> None:
        self._exporter = exporter
        self._endpoint_names = endpoint_names
        self._complaints = Complaints()
        self._unsaid_count = 0  # items dropped since it was last said that some are

    def failed(self, request: ExportRequest, failure: Failure) -> list[Say]:
        """Say that a request was not delivered, and is kept."""
        return self._cannot_export(request, failure, "kept for the next export")

    def refused(self, request: ExportRequest, failure: Failure) -> list[Say]:
        """Say that a request was refused, and is dropped."""
        # An endpoint that refuses this body is one that takes others: it is not away.
        about = "" if failure.kind.count_max else "payload for "
        said = self._cannot_export(request, failure, "dropped", about=about)
        self._count_unsaid(said, item_count_of(request.payloads))
        return said

    def delivered(self, outcome: Delivered, rejected_count: int) -> list[Say]:
        """Say that an endpoint is well again, and what it rejected of a request that it took.

        Args:
            outcome: Of the request.
            rejected_count: Its items that are lost; the endpoint may name any number.
        """
        said: list[Say] = []
        name = self._endpoint_names[outcome.request.signal]
        if self._complaints.forget(name):
            self._complaints.forget(_BUFFER)
            dropped, self._unsaid_count = self._unsaid_count, 0
            more = f"; {dropped} more items were dropped until then" if dropped else ""
            said.append(Say(INFO, f"{name} accepts exports again{more}"))
        if outcome.rejected_count:
            rejected = outcome.request.signal.amount(outcome.rejected_count)
            text = f"{name} rejected {rejected}: {outcome.reason}; dropped"
            told = self._complaints.complain(f"items for {name}", outcome.reason, text)
            self._count_unsaid(told, rejected_count)
            said += told
        return said

    def dropped(self, payloads: Sequence[Payload], bytes_max: int) -> list[Say]:
        """Say that the oldest payloads have made room."""
        found = f"more than {bytes_max} bytes wait for {self._exporter}"
        text = f"{found}; dropped the oldest: {amount(payloads)}"
        said = self._complaints.complain(_BUFFER, "full", text)
        self._count_unsaid(said, item_count_of(payloads))
        return said

    def left(self, kept: Sequence[Payload], discarded: Sequence[Payload], why: str) -> list[Say]:
        """Say in the end what is left for another process, what for nobody, and all unsaid.

        Args:
            kept: Payloads that the next process finds.
            discarded: Payloads that nobody does.
            why: And when, in words.
        """
        said: list[Say] = []
        if kept:
            said.append(Say(INFO, f"kept {amount(kept)} for {self._exporter} {why}"))
        if discarded:
            said.append(Say(WARN, f"discarded {amount(discarded)} for {self._exporter} {why}"))
        if self._unsaid_count:
            found = f"{self._unsaid_count} more items were dropped"
            said.append(Say(WARN, f"{found} for reasons given above"))
            self._unsaid_count = 0
        return said

    def _cannot_export(
        self, request: ExportRequest, failure: Failure, consequence: str, *, about: str = ""
    ) -> list[Say]:
        name = self._endpoint_names[request.signal]
        found = f"cannot export {amount(request.payloads)} to {name}: {failure.reason}"
        advice = f"; {failure.kind.advice}" if failure.kind.advice else ""
        return self._complaints.complain(
            about + name, failure.reason, f"{found}; {consequence}{advice}"
        )

    def _count_unsaid(self, said: list[Say], item_count: int) -> None:
        self._unsaid_count += 0 if said else item_count


def amount(payloads: Sequence[Payload]) -> str:
    """Return how much it is: ``3 spans, 2 log records (412 bytes)``."""
    by_signal: dict[Signal, int] = {}
    for payload in payloads:
        by_signal[payload.signal] = by_signal.get(payload.signal, 0) + payload.item_count
    counts = ", ".join(signal.amount(count) for signal, count in by_signal.items())
    return f"{counts} ({sum(len(payload.body) for payload in payloads)} bytes)"

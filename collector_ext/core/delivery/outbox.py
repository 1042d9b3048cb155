"""What is to be exported, what is being exported, and what became of it.

Every payload that was put in is at any time waiting, in flight, delivered or lost, and only
one of these; what is lost is counted and said, once until something changes.
"""

from __future__ import annotations

from collector_ext.core.actions import INFO, WARN, Say
from collector_ext.core.delivery.buffer import Buffer
from collector_ext.core.delivery.complaints import Complaints
from collector_ext.core.delivery.failures import CONTENT, TOO_LARGE
from collector_ext.core.events import Delivered, Failed, Outcome, Refused
from collector_ext.core.otlp import ExportRequest, Payload, Signal, export_requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BUFFER_BYTES_MAX = 8 * 1024 * 1024
"""Waiting payloads while an endpoint is away. A function of 128 MB can spare this much."""

REQUEST_BYTES_MAX = 4 * 1024 * 1024 - 64 * 1024
"""A merged request: under gRPC's default limit of 4 MiB, which stands behind many endpoints."""

_OF_THE_CONTENT = (CONTENT, TOO_LARGE)
"""It is the body that is refused, not whoever sends it."""

_BUFFER = "buffer"


class Outbox:
    """Account for the payloads of one exporter from their arrival to their end.

    Args:
        exporter: Its id in the configuration.
        endpoint_names: Where each signal goes, as people are told; none without an endpoint.

    Attributes:
        put_count: Payloads that were taken in.
        delivered_count: Payloads the endpoint accepted.
        lost_count: Payloads that were given up.
        rejected_count: Spans, data points and records of delivered payloads that the endpoint
            did not take.
    """

    def __init__(self, exporter: str, endpoint_names: Mapping[Signal, str]) -> None:
        self._exporter = exporter
        self._endpoint_names = endpoint_names
        self._buffer = Buffer(BUFFER_BYTES_MAX)
        self._in_flight: tuple[ExportRequest, ...] = ()
        self._suspect_count_max = 1  # of those refused together: half of the last refused
        self._complaints = Complaints()
        self._unsaid_count = 0  # lost since it was last said that something is lost
        self._unsaid_rejected_count = 0
        self.put_count = 0
        self.delivered_count = 0
        self.lost_count = 0
        self.rejected_count = 0

    @property
    def is_in_flight(self) -> bool:
        """Whether an export was ordered whose outcome is not known."""
        return bool(self._in_flight)

    @property
    def has_waiting(self) -> bool:
        """Whether there is something to export."""
        return bool(self._buffer)

    def put(self, payloads: Iterable[Payload]) -> list[Say]:
        """Add payloads, oldest first. Those of a signal without an endpoint are let go."""
        said: list[Say] = []
        for payload in payloads:
            if payload.body and payload.signal in self._endpoint_names:
                self.put_count += 1
                said += self._drop(self._buffer.append(payload))
        return said

    def take(self) -> tuple[ExportRequest, ...]:
        """Return everything that waits, as requests to send. It is in flight from now on."""
        assert not self._in_flight, "one export at a time"
        self._in_flight = export_requests(
            self._exporter,
            self._buffer.take_all(),
            size_bytes_max=REQUEST_BYTES_MAX,
            suspect_count_max=self._suspect_count_max,
        )
        return self._in_flight

    def settle(self, outcomes: Sequence[Outcome]) -> list[Say]:
        """Take into account what became of the export in flight."""
        assert tuple(outcome.request for outcome in outcomes) == self._in_flight
        self._in_flight = ()
        said: list[Say] = []
        kept: list[Payload] = []
        suspects = [len(o.request.payloads) for o in outcomes if _may_be_of_one(o)]
        if suspects:
            self._suspect_count_max = -(-max(suspects) // 2)
        for outcome in outcomes:
            if isinstance(outcome, Delivered):
                said += self._delivered(outcome)
            elif isinstance(outcome, Refused):
                said += self._refused(outcome, kept)
            else:
                said += self._failed(outcome, kept)
        return said + self._drop(self._buffer.put_back(kept))

    def discard(self, why: str) -> list[Say]:
        """Give up all that waits or is in flight."""
        in_flight = [payload for request in self._in_flight for payload in request.payloads]
        payloads = [*in_flight, *self._buffer.take_all()]
        self._in_flight = ()
        self.lost_count += len(payloads)
        said: list[Say] = []
        if payloads:
            found = f"{len(payloads)} payloads ({_size_bytes(payloads)} bytes waiting)"
            said.append(Say(WARN, f"discarded {found} {why}"))
        above = "for reasons given above"
        if self._unsaid_count:
            said.append(Say(WARN, f"{self._unsaid_count} more payloads were lost {above}"))
        if self._unsaid_rejected_count:
            found = f"{self._unsaid_rejected_count} more spans, points or records"
            said.append(Say(WARN, f"{found} were rejected {above}"))
        self._unsaid_count = self._unsaid_rejected_count = 0
        return said

    def _delivered(self, outcome: Delivered) -> list[Say]:
        name = self._endpoint_names[outcome.request.signal]
        self.delivered_count += len(outcome.request.payloads)
        said = self._rejected(name, outcome) if outcome.rejected_count else []
        if not self._complaints.forget(name):
            return said
        self._complaints.forget(_BUFFER)
        lost, self._unsaid_count = self._unsaid_count, 0
        text = f"{name} accepts exports again; {lost} more payloads were lost until then"
        return [Say(INFO, text), *said]

    def _rejected(self, name: str, outcome: Delivered) -> list[Say]:
        count = outcome.rejected_count
        found = f"{name} rejected {count} {outcome.request.signal.items}: {outcome.reason}"
        said = self._complaints.complain(
            f"items for {name}", outcome.reason, f"{found}; they are lost"
        )
        self.rejected_count += count
        self._unsaid_rejected_count += 0 if said else count
        return said

    def _refused(self, outcome: Refused, kept: list[Payload]) -> list[Say]:
        request = outcome.request
        if _may_be_of_one(outcome):
            # One bad body, or the sum of them: judged again in halves, each a few times.
            kept += [
                Payload(p.signal, p.content_type, p.body, is_suspect=True) for p in request.payloads
            ]
            return []
        # An endpoint that refuses this body is one that takes others: it is not away.
        about = "payload for " if outcome.failure.kind in _OF_THE_CONTENT else ""
        said = self._complain_about(request, outcome.failure.reason, "dropped", about=about)
        self._lose(request.payloads, is_said=bool(said))
        return said

    def _failed(self, outcome: Failed, kept: list[Payload]) -> list[Say]:
        kept += outcome.request.payloads
        return self._complain_about(
            outcome.request, outcome.failure.reason, "kept for the next export"
        )

    def _complain_about(
        self, request: ExportRequest, reason: str, consequence: str, *, about: str = ""
    ) -> list[Say]:
        name = self._endpoint_names[request.signal]
        what = f"{len(request.payloads)} payloads ({_size_bytes(request.payloads)} bytes)"
        return self._complaints.complain(
            about + name, reason, f"cannot export {what} to {name}: {reason}; {consequence}"
        )

    def _drop(self, payloads: Sequence[Payload]) -> list[Say]:
        if not payloads:
            return []
        found = f"more than {BUFFER_BYTES_MAX} bytes wait for export"
        text = f"{found}; the {len(payloads)} oldest payloads are dropped"
        said = self._complaints.complain(_BUFFER, "full", text)
        self._lose(payloads, is_said=bool(said))
        return said

    def _lose(self, payloads: Sequence[Payload], *, is_said: bool) -> None:
        self.lost_count += len(payloads)
        self._unsaid_count += 0 if is_said else len(payloads)


def _may_be_of_one(outcome: Outcome) -> bool:
    """Whether a part of a merged request may be to blame for the refusal of all."""
    is_refused = isinstance(outcome, Refused) and outcome.failure.kind in _OF_THE_CONTENT
    return is_refused and len(outcome.request.payloads) > 1


def _size_bytes(payloads: Iterable[Payload]) -> int:
    return sum(len(payload.body) for payload in payloads)

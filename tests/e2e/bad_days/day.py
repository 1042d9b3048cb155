"""One environment on a bad day: what its function answered, and what was seen of it.

Nothing here waits for the clock. That an invocation does not wait for an export is a matter of
order: the endpoint holds its answer until the function's own has been released. What an endpoint
costs is what the platform itself recorded.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.fakes.gate import Gate

if TYPE_CHECKING:
    from lambda_sandbox.sandbox import Sandbox
    from tests.fakes.scripted_endpoint import ScriptedEndpoint

COLLECTOR = "collector_ext"

PATIENCE_S = 5.0
"""How long an invocation is held for what never comes; only a failing test waits this long."""

RESPONDED = "the function's response was released"
ANSWERED = "the endpoint answered"
ASKED_NEXT = "the collector asked next"

LAST_LINE = "otel-layer INFO at shutdown (spindown): "
"""How the line begins that accounts for everything."""

_COUNTER = re.compile(r"(\d+)(?: spans?)? (received|exported|carried|dropped)\b")


class Day:
    """Tell a day of an environment, and ask what came of it.

    Args:
        sandbox: Runs ``app.greet``, observed by the layer.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def invoke(self, event: bytes = b"{}") -> str:
        """Invoke the function, which answers as it does without a layer; return the request id."""
        outcome = self.sandbox.invoke(event)
        said = {"hello": "world", "request": outcome.request_id}
        assert (outcome.function_error, json.loads(outcome.payload)) == (None, said)
        return outcome.request_id

    def invoke_and_freeze(self) -> str:
        """Invoke the function and wait until its environment is frozen; return the request id."""
        request_id = self.invoke()
        self.sandbox.wait_frozen()
        return request_id

    def invoke_and_release(self, endpoint: ScriptedEndpoint) -> str:
        """As ``invoke_and_freeze``; the endpoint answers when the caller has its response."""
        request_id = self.invoke()
        endpoint.release()
        self.sandbox.wait_frozen()
        return request_id

    def hold(self, endpoint: ScriptedEndpoint, *, request_count: int) -> str:
        """Invoke ``push.hold`` until the endpoint has had so many requests, and let it freeze.

        Returns:
            The request id.
        """

        def has_come() -> bool:
            return len(endpoint.arrivals) >= request_count

        with Gate() as open_gate, Gate(lambda: endpoint.wait_for(has_come, PATIENCE_S)) as gate:
            event = {"names": [], "size": 10, "gates": [open_gate.port, gate.port]}
            outcome = self.sandbox.invoke(json.dumps(event).encode())
        assert (outcome.function_error, json.loads(outcome.payload)) == (None, [])
        assert has_come(), f"{len(endpoint.arrivals)} requests instead of {request_count}"
        self.sandbox.wait_frozen()
        return outcome.request_id

    def end(self) -> None:
        """Shut the environment down."""
        self.sandbox.shutdown()

    @property
    def warnings(self) -> list[str]:
        """The lines in which the collector said that something is wrong."""
        return [line for line in self._lines if line.startswith("otel-layer WARN ")]

    @property
    def notes(self) -> list[str]:
        """The other lines of the collector, without the one of its start."""
        lines = [line for line in self._lines if line.startswith("otel-layer INFO ")]
        return [line for line in lines if not line.startswith("otel-layer INFO version ")]

    @property
    def _lines(self) -> list[str]:
        return [line.text for line in self.sandbox.logs if line.source == "extension"]

    @property
    def counters(self) -> dict[str, int]:
        """What the line at SHUTDOWN counts, in spans; what it does not mention is none."""
        lines = [line for line in self.notes if line.startswith(LAST_LINE)]
        assert len(lines) == 1, f"one line at SHUTDOWN counts, not {len(lines)}: {self._lines}"
        none = dict.fromkeys(("received", "exported", "carried", "dropped"), 0)
        return none | {what: int(count) for count, what in _COUNTER.findall(lines[0])}

    def order(self, request_id: str, endpoint: ScriptedEndpoint) -> list[str]:
        """Return what happened to an invocation, to the endpoint and in the collector, in order.

        Args:
            request_id: Of the environment's only invocation so far.
            endpoint: Whose answers count.
        """
        moments = self.sandbox.timeline
        responded_at = [
            it.at_s for it in moments if (it.what, it.request_id) == ("responded", request_id)
        ]
        # The first time is during the initialisation.
        _, *asked_at = [it.at_s for it in moments if (it.what, it.who) == ("asked next", COLLECTOR)]
        told = [
            *((at_s, RESPONDED) for at_s in responded_at),
            *((at_s, ANSWERED) for at_s in endpoint.answered_at_s),
            *((at_s, ASKED_NEXT) for at_s in asked_at),
        ]
        return [what for _, what in sorted(told)]

    @property
    def extension_time_s(self) -> float:
        """For how long extensions alone kept invocations from ending, all of them together.

        The platform's own record: it goes on the bill.
        """
        reports = [it for it in self.sandbox.events if it["type"] == "platform.report"]
        overheads_ms: list[float] = [
            span["durationMs"]
            for report in reports
            for span in report["record"]["spans"]
            if span["name"] == "extensionOverhead"
        ]
        return sum(overheads_ms) / 1000

    @property
    def memory_peak_bytes(self) -> int:
        """The most that the collector's process has had in memory, as the kernel counts."""
        pid = self.sandbox.extension_pids[COLLECTOR]
        with open(f"/proc/{pid}/status") as status:  # noqa: PTH123  # one line of it is wanted
            (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM:")]
        return int(peak) * 1024

    @property
    def shutdown_took_s(self) -> float:
        """From the beginning of the shutdown to the end of the collector's process.

        What the platform has to kill takes the whole of the time that it gives, or longer.
        """
        moments = self.sandbox.timeline
        (began_at,) = [it.at_s for it in moments if it.what.startswith("shutdown: ")]
        *_, ended_at = [
            it.at_s for it in moments if (it.what, it.who) == ("process exited", COLLECTOR)
        ]
        return ended_at - began_at

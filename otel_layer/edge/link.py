"""The way to the collector: how long it may take, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable

from otel_layer.core.patience import SEND_S, Patience
from otel_layer.edge.clock import monotonic
from otel_layer.edge.connection import CollectorFault, Connection
from otel_layer.edge.log import Log


class Link:
    """Hands requests to the collector; what happens to them is said once for each kind.

    Attributes:
        patience: How long the function may still wait for it.
    """

    def __init__(self, find_port: Callable[[], int], log: Log) -> None:
        """Prepare; the connection is made when there is something to send.

        Args:
            find_port: Returns the collector's, on 127.0.0.1.
            log: For the first failure of each kind.
        """
        self.patience = Patience()
        self._find_port = find_port
        self._log = log
        self._connection = Connection(find_port, self._answered)
        self._has_answered = False
        self._told_lost_count = 0

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        self._connection.close()

    def send(self, request: bytes, begun_at: float) -> None:
        """Hand one request to the kernel.

        Args:
            request: Head and body.
            begun_at: When the first of several was; they share the time of one.

        Raises:
            CollectorFault: It was not handed over as a whole, which has been said.
        """
        left_s = max(begun_at + SEND_S - monotonic(), 0.001)
        try:
            self._connection.send(request, left_s)
        except CollectorFault as fault:
            self.patience.failed(monotonic())
            self._has_answered = False
            follows = "what cannot be sent by the end of the invocation is lost"
            self._log.say_once(fault.kind, f"{self._collector} {fault}; {follows}")
            raise

    def tell_lost(self, lost: dict[str, int]) -> None:
        """Say what was lost, once the collector is there again.

        Args:
            lost: How many of each kind, since the process began.
        """
        # Only an answer shows that it reads; that the kernel takes what is sent does not.
        lost_count = sum(lost.values())
        if self._has_answered and lost_count > self._told_lost_count:
            self._told_lost_count = lost_count
            counts = " and ".join(f"{count} {items}" for items, count in lost.items() if count)
            self._log.say(f"{self._collector} answers again; {counts} were lost")

    @property
    def _collector(self) -> str:
        return f"the collector at 127.0.0.1:{self._find_port()}"

    def _answered(self, answer: bytes) -> None:
        # Answers are not waited for, so this may be the middle of one.
        self._has_answered = True
        if answer.startswith(b"HTTP/1.") and answer[9:10] != b"2":
            status = answer.split(b"\r\n", 1)[0].decode("latin-1")
            self._log.say_once(
                "refuses", f"{self._collector} answered {status!r}; telemetry is lost"
            )

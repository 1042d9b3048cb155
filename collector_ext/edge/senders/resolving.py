"""A sender whose settings hold secrets: made when they are known, made anew when they change."""

from __future__ import annotations

from collector_ext.core.delivery.failures import SECRET, UNAUTHORISED, Failure
from collector_ext.core.events import Failed, Outcome, Refused
from collector_ext.edge.http_client import PeerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from collector_ext.core.config.configuration import Configuration
    from collector_ext.core.otlp import ExportRequest
    from collector_ext.edge.exporter import Sender
    from collector_ext.edge.secrets import SecretKeeper


def references_of(
    source: Callable[[Mapping[str, str]], Configuration],
) -> dict[str, tuple[str, ...]]:
    """Return by the id of an exporter which secrets it is made of.

    An exporter differs with the value of such a secret: so each is tried.

    Args:
        source: Returns the configuration for the values of secrets.
    """
    without = source({})
    tried = {reference: source({reference: "secret"}).exporters for reference in without.secrets}
    return {
        name: tuple(r for r, exporters in tried.items() if exporters.get(name) != exporter)
        for name, exporter in without.exporters.items()
    }


class ResolvingSender:
    """Send by a sender that is made of secrets.

    Until they are known, requests fail and so stay in the buffer. An endpoint that answers 401
    or 403 may mean that a secret was rotated: they are read again, and the request is sent once
    more if one has changed; if not, it is kept, as a rotation may reach the endpoint first.

    Args:
        keeper: Of the secrets, shared by all exporters.
        references: Those that this exporter needs.
        build: Returns the sender for their values; ValueError says why it cannot.
    """

    def __init__(
        self,
        keeper: SecretKeeper,
        references: tuple[str, ...],
        build: Callable[[Mapping[str, str]], Sender],
    ) -> None:
        self._keeper = keeper
        self._references = references
        self._build = build
        self._values: Mapping[str, str] = {}
        self._sender: Sender | None = None

    def peer_of(self, request: ExportRequest) -> object:
        """Return whom a request goes to: until the secrets are known, it is the keeper."""
        return self._sender.peer_of(request) if self._sender else self._keeper

    def send(self, request: ExportRequest, deadline_at: float) -> Outcome:
        """Send one request and return what became of it.

        Raises:
            PeerError: There is no answer, or a secret is not known.
        """
        sender = self._current(deadline_at)
        outcome = sender.send(request, deadline_at)
        if _unauthorised(outcome):
            self._keeper.refused(self._references)
            renewed = self._current(deadline_at)
            if renewed is not sender:
                outcome = renewed.send(request, deadline_at)
        refusal = _unauthorised(outcome)
        if refusal:
            reason = f"{refusal.reason}, with the secrets as they were last read"
            return Failed(request, Failure(UNAUTHORISED, reason, None))
        return outcome

    def close(self) -> None:
        """Close all connections."""
        if self._sender:
            self._sender.close()

    def _current(self, deadline_at: float) -> Sender:
        try:
            values = self._keeper.known(self._references, deadline_at)
            if self._sender is None or values != self._values:
                self.close()
                self._sender, self._values = self._build(values), values
        except (LookupError, ValueError) as fault:
            # LookupError's message, not its repr, as KeyError would have it.
            raise PeerError(Failure(SECRET, str(fault), None)) from fault
        return self._sender


def _unauthorised(outcome: Outcome) -> Failure | None:
    """Return the refusal that a secret may be to blame for, if it is one."""
    if isinstance(outcome, Refused) and outcome.failure.kind is UNAUTHORISED:
        return outcome.failure
    return None

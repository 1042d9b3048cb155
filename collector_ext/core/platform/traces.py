"""From what the platform tells to spans below the roots of its invocations.

A root is known by the provisional one that the internal half sends when an invocation starts.
What the platform tells comes later, 25 ms after it happened at the earliest, when the root may
have been exported long ago. Where there is no root there are no spans: an invocation that is
not sampled or not instrumented has no trace to be part of.
"""

from __future__ import annotations

from collector_ext.core.otlp import PROTOBUF, TRACES, Payload
from collector_ext.core.platform import spans
from collector_ext.core.platform.records import INVOKE_REPORT, INVOKE_RUNTIME_DONE
from collector_ext.core.platform.startup import Startup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from collector_ext.core.platform.records import PlatformRecord
    from collector_ext.core.platform.root import Root
    from collector_ext.core.platform.spans import PlatformSpan
    from collector_ext.core.platform.startup import Initialisation

INVOCATION_COUNT_MAX = 256
"""Roots that are remembered, as of unfinished ones: beyond, the oldest is forgotten."""

_TRY_COUNT_MAX = 2
"""Of one request that are told apart: the last is told of when the next has started."""

_NS_PER_MS = 1_000_000


class _Known:
    """A root, and the names of the spans below it that were told."""

    def __init__(self, root: Root) -> None:
        self.root = root
        self.told: set[str] = set()


class PlatformTraces:
    """Make the spans.

    Args:
        version: The collector's own.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._startup = Startup()
        self._cold_start: tuple[str, Initialisation] | None = None  # whose; until its root comes
        self._known: dict[str, list[_Known]] = {}  # by request id, the newest try first

    def started(self, request_id: str, root: Root | None) -> list[Payload]:
        """Take the provisional root of an invocation; return what was waiting for it.

        Args:
            request_id: Of the invocation.
            root: None for one that cannot be read.
        """
        tries = self._known.pop(request_id, [])
        if root is None or (tries and tries[0].root.span_id == root.span_id):
            self._known.update({request_id: tries} if tries else {})
            return []
        self._known[request_id] = [_Known(root), *tries][:_TRY_COUNT_MAX]
        if len(self._known) > INVOCATION_COUNT_MAX:
            del self._known[next(iter(self._known))]
        return self._of_cold_start()

    def told(self, record: PlatformRecord) -> list[Payload]:
        """Take a record; return the spans that it makes."""
        cold_start = self._startup.told(record)
        if cold_start is not None:
            self._cold_start = record.request_id, cold_start
        if record.kind in {INVOKE_RUNTIME_DONE, INVOKE_REPORT}:
            known = self._known_at(record.request_id, record.at_ns)
            return self._payloads(known, spans.of_invocation(record))
        return self._of_cold_start()

    def _of_cold_start(self) -> list[Payload]:
        if self._cold_start is None:
            return []
        request_id, found = self._cold_start
        # The oldest: it was the first try that waited.
        known = self._known.get(request_id, [None])[-1]
        if known is None:
            return []
        self._cold_start = None
        return self._payloads(known, spans.of_initialisation(found))

    def _known_at(self, request_id: str, at_ns: int) -> _Known | None:
        """Return the try that had started by then; the platform's times are cut to ms."""
        at_ms = at_ns // _NS_PER_MS
        tries = self._known.get(request_id, [])
        return next((k for k in tries if k.root.start_ns // _NS_PER_MS <= at_ms), None)

    def _payloads(self, known: _Known | None, found: Sequence[PlatformSpan]) -> list[Payload]:
        if known is None:
            return []
        news = list({each.name: each for each in found if each.name not in known.told}.values())
        if not news:
            return []
        known.told.update(each.name for each in news)
        body = spans.encode(known.root, news, self._version)
        return [Payload(TRACES, PROTOBUF, body, len(news), is_suspect=False)]

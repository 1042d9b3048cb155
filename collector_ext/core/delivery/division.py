"""A refused request in parts, until only what is to blame is left."""

from __future__ import annotations

from collector_ext.core.delivery.failures import TOO_LARGE
from collector_ext.core.otlp import PROTOBUF, Payload
from collector_ext.core.otlp_items import item_count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.events import Refused

REFUSED_IN_A_ROW_MAX = 32
"""Bodies that are refused, with none between that is taken, before an endpoint is believed to
refuse them all: 2n - 1 requests for n items would be the function's time for nothing."""


class Division:
    """Divide what one endpoint refuses for its content or its size.

    One bad body, or the sum of them, is to blame: so the payloads are judged again in halves,
    and a payload that is too large by itself is cut in two.

    Attributes:
        suspect_count_max: How many of the parts go into one request.
    """

    def __init__(self) -> None:
        self.suspect_count_max = 1
        self._refused_in_a_row = 0

    def taken(self) -> None:
        """Take note that the endpoint took a request."""
        self._refused_in_a_row = 0

    def parts(self, refused: Refused) -> list[Payload]:
        """Return the parts of a request that may be well; none if it is all to blame."""
        payloads, kind = refused.request.payloads, refused.failure.kind
        self._refused_in_a_row += 1
        if kind.count_max or self._refused_in_a_row > REFUSED_IN_A_ROW_MAX:
            return []
        if len(payloads) > 1:
            return [payload.as_suspect() for payload in payloads]
        return _halves(payloads[0]) if kind is TOO_LARGE else []

    def divided(self, payload_count: int) -> None:
        """Take note that requests of at most so many payloads were divided."""
        self.suspect_count_max = -(-payload_count // 2)


def _halves(payload: Payload) -> list[Payload]:
    """Return a payload as two, both suspects; none when it has one item, or cannot be read."""
    if payload.content_type != PROTOBUF:
        return []
    from collector_ext.core.halves import halves  # noqa: PLC0415 - only when one is too large

    signal = payload.signal
    return [
        Payload(signal, PROTOBUF, body, item_count(signal, body), is_suspect=True)
        for body in halves(signal, payload.body) or ()
    ]

"""One export request as two, for an endpoint that finds it too large.

Loaded when one does. What encloses the items on both sides of the cut, a resource, a scope or
a metric, is repeated in both halves with all that it says.
"""

from __future__ import annotations

from collector_ext.core.otlp_items import LEVELS, items
from collector_ext.core.processors.any_value import field
from collector_ext.core.wire import LENGTH_DELIMITED, MalformedError, fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.otlp import Signal
    from collector_ext.core.otlp_items import Levels


def halves(signal: Signal, body: bytes) -> tuple[bytes, bytes] | None:
    """Cut a request between two of its items, where its bytes are nearest to their middle.

    By bytes, since that is what an endpoint bounds: a large item among small ones is alone
    sooner than if they were counted.

    Args:
        signal: Of the request.
        body: A serialised ``Export*ServiceRequest`` in protobuf.

    Returns:
        Two requests with at least one span, data point or log record each, all of them in
        their order and byte for byte what they were; ``None`` if the request has no more than
        one, or cannot be walked.
    """
    levels = LEVELS[signal]
    try:
        places = list(items(body, levels, 0, len(body)))
        if len(places) <= 1:
            return None
        middle = (places[0][0] + places[-1][1]) // 2
        count = sum(end <= middle for _, end in places)  # without the last, which ends behind it
        return _cut(body, levels, max(count, 1))
    except MalformedError:
        return None


def _cut(message: bytes, levels: Levels, count: int) -> tuple[bytes, bytes]:
    """Cut a message behind so many of its items, at least one; some are to be left."""
    numbers, inner = levels[0], levels[1:]
    first: list[bytes] = []
    second: list[bytes] = []
    for part in fields(message, 0, len(message)):
        whole = message[part.tag_at : part.end]
        if part.number not in numbers or part.wire_type != LENGTH_DELIMITED:
            first.append(whole)
            second.append(whole)
            continue
        held = sum(1 for _ in items(message, inner, part.value_at, part.end)) if inner else 1
        if not count:
            second.append(whole)
        elif held <= count:
            first.append(whole)
            count -= held
        else:
            before, after = _cut(message[part.value_at : part.end], inner, count)
            first.append(field(part.number, before))
            second.append(field(part.number, after))
            count = 0
    return b"".join(first), b"".join(second)

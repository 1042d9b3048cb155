"""Export requests of any shape, for properties: strategies of hypothesis.

Few fields and many shapes: what matters is which messages hold which, how long they are (their
lengths take one, two or three bytes), and fields of a later version of OTLP.
"""

from __future__ import annotations

from hypothesis import strategies as st

from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from tests.fakes.telemetry_requests import ITEMS

KINDS = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]
LATER = b"\x98\x06\x01"
"""Field 99, which no version knows yet."""

# Not `st.text`: its tables of Unicode take a second when they are made, once on each machine.
texts = st.sampled_from(["", "a", "é", *("x" * size for size in (99, 127, 128, 400, 17_000))])


@st.composite
def metrics(draw, message):
    message.name = draw(texts)
    message.unit = draw(st.sampled_from(["", "ms"]))
    kind = draw(st.none() | st.sampled_from(KINDS))
    if kind is None:
        return
    data = getattr(message, kind)
    data.SetInParent()
    if kind == "sum":
        data.is_monotonic = draw(st.booleans())
    for _ in range(draw(st.integers(0, 3))):
        data.data_points.add(time_unix_nano=draw(st.integers(0, 2**64 - 1)))


@st.composite
def spans(draw, message):
    message.name = draw(texts)


@st.composite
def records(draw, message):
    message.body.string_value = draw(texts)


@st.composite
def messages(draw):
    """A signal, and a request of it as a message."""
    signal = draw(st.sampled_from(SIGNALS))
    make, groups, scopes, items = ITEMS[signal]
    fill = {TRACES: spans, METRICS: metrics, LOGS: records}[signal]
    message = make()
    for _ in range(draw(st.integers(0, 3))):
        group = getattr(message, groups).add(schema_url=draw(texts))
        group.resource.attributes.add(key=draw(texts))
        group.MergeFromString(draw(st.sampled_from([b"", LATER])))
        for _ in range(draw(st.integers(0, 3))):
            scoped = getattr(group, scopes).add(schema_url=draw(texts))
            if draw(st.booleans()):
                scoped.scope.name = draw(texts)
            scoped.MergeFromString(draw(st.sampled_from([b"", LATER])))
            for _ in range(draw(st.integers(0, 4))):
                draw(fill(getattr(scoped, items).add()))
    return signal, message


def counted(signal, message):
    """Return how many spans, data points or log records there are, by the library."""
    return len(placed(signal, message))


def placed(signal, message):
    """Return each item with all that encloses it but the other items, in their order.

    Of data points that is also their metric.
    """
    _, groups, scopes, items = ITEMS[signal]
    found = []
    for group in getattr(message, groups):
        outer = emptied(group, scopes)
        for scoped in getattr(group, scopes):
            inner = emptied(scoped, items)
            for item in getattr(scoped, items):
                found += [(outer, inner, *rest) for rest in parts(signal, item)]
    return found


def parts(signal, item):
    """Return the item; of a metric its points, each with the metric without any."""
    if signal != METRICS:
        return [(item,)]
    kind = item.WhichOneof("data")
    if kind is None:
        return []
    metric = type(item).FromString(item.SerializeToString())
    getattr(metric, kind).ClearField("data_points")
    return [(metric, point) for point in getattr(item, kind).data_points]


def emptied(message, field):
    """Return a copy without one field; what is not known to the library stays."""
    copied = type(message).FromString(message.SerializeToString())
    copied.ClearField(field)
    return copied

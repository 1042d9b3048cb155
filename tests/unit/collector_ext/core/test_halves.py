"""Cutting export requests in two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from collector_ext.core.halves import halves
from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from tests.fakes.generated_requests import LATER
from tests.fakes.telemetry_requests import (
    ITEMS,
    gauge,
    items_in,
    names_in,
    parsed,
    record,
    request,
    span,
)

if TYPE_CHECKING:
    from collector_ext.core.otlp import Signal

TWO: dict[Signal, list[Any]] = {
    TRACES: [span("a"), span("b")],
    METRICS: [gauge("a", {}), gauge("b", {})],
    LOGS: [record("a"), record("b")],
}


def spans_of(*names):
    """A request with spans of these names, in one resource and scope."""
    return request(TRACES, *map(span, names))


def cut(signal, body):
    """The halves of what can be cut."""
    found = halves(signal, body)
    assert found is not None
    return found


class TestTheCut:
    """It is between two items, in the middle of the bytes."""

    def test_is_between_the_spans_of_a_scope(self):
        assert halves(TRACES, spans_of("a", "b", "c", "d")) == (
            spans_of("a", "b"),
            spans_of("c", "d"),
        )

    def test_is_between_log_records(self):
        body = request(LOGS, record("a"), record("b"))

        assert halves(LOGS, body) == (request(LOGS, record("a")), request(LOGS, record("b")))

    def test_is_between_resources_where_that_is_the_middle(self):
        one, other = spans_of("a", "b"), spans_of("c", "d")

        assert halves(TRACES, one + other) == (one, other)

    def test_is_between_scopes_where_that_is_the_middle(self):
        body = parsed(TRACES, spans_of("a"))
        (group,) = body.resource_spans
        group.scope_spans.add().spans.append(span("b"))

        first, second = cut(TRACES, body.SerializeToString())

        assert first == spans_of("a")
        del group.scope_spans[0]
        assert parsed(TRACES, second) == body

    def test_is_within_a_resource_where_that_is_the_middle(self):
        one, other = spans_of("a", "b", "c"), spans_of("d")

        assert halves(TRACES, one + other) == (spans_of("a", "b"), spans_of("c") + other)

    def test_is_between_metrics(self):
        body = request(METRICS, *TWO[METRICS])

        assert [names_in(METRICS, half) for half in cut(METRICS, body)] == [["a"], ["b"]]

    def test_is_between_the_data_points_of_one_metric(self):
        metric = Metric(name="calls", unit="{call}")
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        metric.sum.data_points.add(as_int=1)
        metric.sum.data_points.add(as_int=2)
        one, other = (Metric.FromString(metric.SerializeToString()) for _ in range(2))
        del one.sum.data_points[1]
        del other.sum.data_points[0]

        found = cut(METRICS, request(METRICS, metric))

        assert [items_in(METRICS, half) for half in found] == [[one], [other]]

    @pytest.mark.parametrize(
        ("sizes", "expected"),
        [((9, 9, 9000), 2), ((9000, 9, 9), 1), ((9, 9000, 9), 1), ((9, 9, 9), 1)],
    )
    def test_leaves_a_large_item_with_as_few_others_as_may_be(self, sizes, expected):
        first, second = cut(TRACES, spans_of(*("x" * size for size in sizes)))

        found = len(items_in(TRACES, first)), len(items_in(TRACES, second))
        assert found == (expected, len(sizes) - expected)


class TestWhatEnclosesIt:
    """It is in both halves, whether it is known or not."""

    @pytest.mark.parametrize("signal", SIGNALS)
    def test_resource_scope_and_schemas(self, signal):
        make, groups, scopes, name = ITEMS[signal]
        message = make.FromString(request(signal, *TWO[signal]))
        (group,) = getattr(message, groups)
        (scoped,) = getattr(group, scopes)
        scoped.schema_url = "https://opentelemetry.io/schemas/2.0"
        scoped.MergeFromString(LATER)
        group.MergeFromString(LATER)

        found = [make.FromString(half) for half in cut(signal, message.SerializeToString())]

        both = list(getattr(scoped, name))
        for half, item in zip(found, both, strict=True):
            del getattr(scoped, name)[:]
            getattr(scoped, name).append(item)
            assert half == message

    def test_resources_without_items_stay_where_they_are(self):
        empty = request(TRACES)
        one, other = spans_of("a"), spans_of("b")

        found = halves(TRACES, empty + one + empty + other + empty)

        assert found == (empty + one, empty + other + empty)


class TestWhatCannotBeCut:
    """It is for the caller to give up."""

    @pytest.mark.parametrize(
        ("signal", "body"),
        [
            (TRACES, b""),
            (TRACES, request(TRACES)),
            (TRACES, spans_of("a")),
            (LOGS, request(LOGS, record())),
            (METRICS, request(METRICS, gauge("a", {}), gauge("without points"))),
            (TRACES, spans_of("a", "b")[:-1]),
            (TRACES, b"hello"),
        ],
        ids=["empty", "no span", "one span", "one record", "one point", "cut off", "text"],
    )
    def test_is_not_cut(self, signal, body):
        assert halves(signal, body) is None

"""What conditions can name."""

from __future__ import annotations

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from collector_ext.core.processors.condition_paths import (
    DATAPOINT,
    ENUMS,
    LOG,
    METRIC,
    SPAN,
    Scene,
    hex_id,
    path,
)
from tests.fakes.telemetry_requests import gauge, record, span


def read(names, context, message, indexes=(), attributes=7):
    return path(names.split("."), list(indexes), context).read(
        Scene({context: message.SerializeToString()}, attributes)
    )


class TestEnums:
    """Their numbers are the protocol's."""

    @pytest.mark.parametrize(
        ("name", "number"),
        [
            ("STATUS_CODE_ERROR", 2),
            ("SPAN_KIND_CONSUMER", 5),
            ("SEVERITY_NUMBER_TRACE", 1),
            ("SEVERITY_NUMBER_INFO", 9),
            ("SEVERITY_NUMBER_FATAL4", 24),
            ("METRIC_DATA_TYPE_SUMMARY", 5),
        ],
    )
    def test_are_known(self, name, number):
        assert ENUMS[name] == number


class TestMetrics:
    """Metrics and their points."""

    @pytest.mark.parametrize(
        ("data", "type_"),
        [
            ("gauge", "GAUGE"),
            ("sum", "SUM"),
            ("histogram", "HISTOGRAM"),
            ("exponential_histogram", "EXPONENTIAL_HISTOGRAM"),
            ("summary", "SUMMARY"),
        ],
    )
    def test_have_a_type(self, data, type_):
        metric = Metric(name="m")
        getattr(metric, data).SetInParent()

        assert read("metric.type", METRIC, metric) == ENUMS[f"METRIC_DATA_TYPE_{type_}"]

    def test_may_have_none(self):
        assert read("type", METRIC, Metric()) == 0

    @pytest.mark.parametrize("value", [0.0, -1.5])
    def test_have_points_of_doubles(self, value):
        assert read("value_double", DATAPOINT, NumberDataPoint(as_double=value)) == value

    @pytest.mark.parametrize("value", [7, -1])
    def test_have_points_of_integers(self, value):
        assert read("value_int", DATAPOINT, NumberDataPoint(as_int=value)) == value

    def test_have_points_with_attributes(self):
        (point,) = gauge("m", {"a": 1}).gauge.data_points

        assert read("attributes", DATAPOINT, point, ["a"]) == 1


class TestIds:
    """Ids are read in hexadecimal."""

    @pytest.mark.parametrize(("id_", "text"), [(b"\1\xff", "01ff"), (bytes(8), ""), (b"", "")])
    def test_are_text(self, id_, text):
        assert hex_id(id_) == text


class TestSpansAndLogRecords:
    """Their fields, and what is in them."""

    @pytest.mark.parametrize(
        ("names", "context", "message", "indexes", "value"),
        [
            ("name", SPAN, span("a"), (), "a"),
            ("span_id", SPAN, span("a"), (), "0000000000000001"),
            ("kind", SPAN, span("a", kind=2), (), 2),
            ("status.code", SPAN, span("a", status={"code": 2}), (), 2),
            ("status.message", SPAN, span("a", status={"message": "no"}), (), "no"),
            ("attributes", SPAN, span("a", {"k": ["x"]}), ("k", 0), "x"),
            ("attributes", SPAN, span("a", {"k": ["x"]}), ("k", 1), None),
            ("attributes", SPAN, span("a", {"k": "x"}), ("k", "l"), None),
            ("body", LOG, record({"k": "x"}), ("k",), "x"),
            ("body", LOG, record({"k": "x"}), ("l",), None),
        ],
    )
    def test_are_read(self, names, context, message, indexes, value):
        assert read(names, context, message, indexes) == value


class TestWhatThereIsNot:
    """It is said."""

    @pytest.mark.parametrize(
        ("names", "context", "why"),
        [
            (["nome"], METRIC, "there is no nome here"),
            (["span", "nome"], METRIC, "there is no span.nome here"),
            (["name"], "", "there is no name, which has to begin with its context, here"),
        ],
    )
    def test_is_named(self, names, context, why):
        with pytest.raises(ValueError, match=why):
            path(names, [], context)

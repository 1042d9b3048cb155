"""Which items a processor is for."""

from __future__ import annotations

import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.processors.matching import Item, read_match
from tests.fakes.sections import section_of
from tests.fakes.telemetry_requests import gauge, key_values, record, span

SPAN = Item(TRACES, b"", b"", span("a", {"n": 1}, kind=2).SerializeToString())
METRIC = Item(METRICS, b"", b"", gauge("m").SerializeToString())


def matches(item, **properties):
    match = read_match(section_of(properties))
    assert match is not None
    return match(item)


class TestAMatch:
    """Each property by one of its entries; all properties."""

    @pytest.mark.parametrize(
        "properties",
        [
            {"span_names": ["b", "a"]},
            {"span_kinds": ["SPAN_KIND_SERVER"]},
            {"span_names": ["a"], "attributes": [{"key": "n", "value": 1}]},
            {"attributes": [{"key": "n"}]},
        ],
    )
    def test_is_found(self, properties):
        assert matches(SPAN, match_type="strict", **properties)

    @pytest.mark.parametrize(
        "properties",
        [
            {"span_names": ["b"]},
            {"services": ["a"]},
            {"span_names": ["a"], "attributes": [{"key": "z"}]},
            {"metric_names": ["a"]},
        ],
    )
    def test_is_not_found(self, properties):
        assert not matches(SPAN, match_type="strict", **properties)

    def test_of_metrics_is_by_name(self):
        assert matches(METRIC, match_type="regexp", metric_names=["^m"])
        assert not matches(METRIC, match_type="regexp", span_kinds=["."])
        assert not matches(METRIC, match_type="strict", attributes=[{"key": "n"}])

    def test_of_expressions_is_of_the_text_of_a_value(self):
        assert matches(SPAN, match_type="regexp", attributes=[{"key": "n", "value": "^1$"}])
        assert not matches(SPAN, match_type="regexp", attributes=[{"key": "z", "value": ".*"}])

    def test_of_a_library_may_need_its_version(self):
        item = Item(TRACES, b"", b"\x0a\x01n\x12\x011", SPAN.content)

        assert matches(item, match_type="strict", libraries=[{"name": "n"}])
        assert matches(item, match_type="strict", libraries=[{"name": "n", "version": "1"}])
        assert not matches(item, match_type="strict", libraries=[{"name": "n", "version": ""}])


class TestWhereItIsFrom:
    """The resource, and the bodies and severities of log records."""

    ITEM = Item(
        LOGS,
        Resource(attributes=key_values({"service.name": "shop", "n": 1})).SerializeToString(),
        b"",
        record("hi", severity_text="INFO").SerializeToString(),
    )

    @pytest.mark.parametrize(
        "properties",
        [
            {"services": ["shop"]},
            {"resources": [{"key": "n", "value": 1}]},
            {"resources": [{"key": "z"}, {"key": "n"}]},
            {"log_bodies": ["hi"]},
            {"log_severity_texts": ["INFO"]},
        ],
    )
    def test_is_matched(self, properties):
        assert matches(self.ITEM, match_type="strict", **properties)

    @pytest.mark.parametrize(
        "properties",
        [
            {"services": ["sho"]},
            {"resources": [{"key": "n", "value": True}]},
            {"span_kinds": ["SPAN_KIND_UNSPECIFIED"]},
        ],
    )
    def test_is_not_matched(self, properties):
        assert not matches(self.ITEM, match_type="strict", **properties)


class TestNoMatch:
    """What says nothing of use is complained about."""

    def test_is_nothing(self):
        assert read_match(None) is None

    @pytest.mark.parametrize("properties", [{"span_names": ["a"]}, {"match_type": "strict"}])
    def test_is_ignored(self, properties):
        section = section_of(properties)

        assert read_match(section) is None
        assert section.remarks.complaints[0].endswith("; it is ignored")

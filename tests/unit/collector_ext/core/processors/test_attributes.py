"""The processor ``attributes``."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from collector_ext.core.processors import attributes
from tests.fakes.sections import processor_of, read_with
from tests.fakes.telemetry_requests import (
    attributes_in,
    gauge,
    items_in,
    parsed,
    record,
    request,
    span,
)

UPSERT = {"actions": [{"key": "k", "value": "v", "action": "upsert"}]}


class TestWhatItChanges:
    """Spans, data points and log records; not resources, scopes or events."""

    def test_log_records(self):
        body = processor_of(attributes, UPSERT).process(LOGS, request(LOGS, record()))

        assert [attributes_in(r.attributes) for r in items_in(LOGS, body)] == [{"k": "v"}]

    def test_data_points_of_any_metric(self):
        metric = gauge("m", {"a": 1})
        others = [gauge(name) for name in ("sum", "histogram", "exponential_histogram", "summary")]
        for other in others:
            getattr(other, other.name).data_points.add()
        processor = processor_of(attributes, UPSERT)

        body = processor.process(METRICS, request(METRICS, metric, *others))

        points = [
            attributes_in(point.attributes)
            for found in items_in(METRICS, body)
            for point in getattr(found, found.WhichOneof("data")).data_points
        ]
        assert points == [{"a": 1, "k": "v"}, {"k": "v"}, {"k": "v"}, {"k": "v"}, {"k": "v"}]

    def test_nothing_else_of_a_span(self):
        given = span(events=[{"name": "e"}], links=[{"trace_id": b"x"}])
        processor = processor_of(attributes, UPSERT)

        body = processor.process(TRACES, request(TRACES, given))

        given.attributes.add(key="k").value.string_value = "v"
        assert parsed(TRACES, body) == parsed(TRACES, request(TRACES, given))

    @pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
    @pytest.mark.parametrize("body", [b"", b"hello", b"\x0a\x05", b"\x0a\x03\x12\x01\xff"])
    def test_what_cannot_be_walked_stays_as_it_is(self, signal, body):
        assert processor_of(attributes, UPSERT).process(signal, body) == body

    def test_what_cannot_be_walked_does_not_keep_it_from_its_neighbours(self):
        body = b"\x0a\x03\x12\x01\xff" + request(TRACES, span())

        found = processor_of(attributes, UPSERT).process(TRACES, body)

        assert found.startswith(b"\x0a\x03\x12\x01\xff")
        assert attributes_in(items_in(TRACES, found[5:])[0].attributes) == {"k": "v"}


class TestIncluding:
    """Only what is included and not excluded is changed."""

    SPANS = request(TRACES, span("GET /a", {"x": 1}, kind=3), span("GET /b", {"x": 2}))

    def changed(self, **match):
        body = processor_of(attributes, {**UPSERT, **match}).process(TRACES, self.SPANS)
        return [s.name for s in items_in(TRACES, body) if "k" in attributes_in(s.attributes)]

    @pytest.mark.parametrize(
        "match",
        [
            {"match_type": "strict", "span_names": ["GET /a"]},
            {"match_type": "regexp", "span_names": ["/a$", "never"]},
            {"match_type": "strict", "attributes": [{"key": "x", "value": 1}]},
            {"match_type": "regexp", "attributes": [{"key": "x", "value": "^1"}]},
            {"match_type": "strict", "services": ["shop"], "span_names": ["GET /a"]},
            {"match_type": "strict", "span_kinds": ["SPAN_KIND_CLIENT"]},
        ],
    )
    def test_changes_what_matches(self, match):
        assert self.changed(include=match) == ["GET /a"]
        assert self.changed(exclude=match) == ["GET /b"]

    @pytest.mark.parametrize(
        "match",
        [
            {"services": ["shop"]},
            {"resources": [{"key": "service.name", "value": "shop"}]},
            {"resources": [{"key": "service.name"}]},
            {"attributes": [{"key": "x"}]},
            {"libraries": [{"name": "tests"}]},
            {"libraries": [{"name": "tests", "version": "1.0"}]},
        ],
    )
    def test_can_match_where_a_span_is_from(self, match):
        assert self.changed(include={"match_type": "strict", **match}) == ["GET /a", "GET /b"]

    @pytest.mark.parametrize(
        "match",
        [
            {"services": ["sho"]},
            {"attributes": [{"key": "x", "value": "1"}]},
            {"attributes": [{"key": "x", "value": True}]},
            {"libraries": [{"name": "tests", "version": "2"}]},
            {"metric_names": ["GET /a"]},
            {"log_bodies": ["hi"]},
        ],
    )
    def test_changes_nothing_that_does_not_match(self, match):
        assert self.changed(include={"match_type": "strict", **match}) == []

    def test_matches_log_records_by_body_and_severity(self):
        match = {"match_type": "strict", "log_bodies": ["hi"], "log_severity_texts": ["INFO"]}
        records = [record("hi", severity_text="INFO"), record("hi"), record(1)]
        processor = processor_of(attributes, {**UPSERT, "include": match})

        body = processor.process(LOGS, request(LOGS, *records))

        assert [len(found.attributes) for found in items_in(LOGS, body)] == [1, 0, 0]


class TestAConfigurationThatCannotBeUsed:
    """Each action that cannot be used is named; the others work."""

    def test_leaves_the_other_actions(self):
        given = [{"key": "a"}, *UPSERT["actions"]]

        processor, complaints = read_with(attributes, {"actions": given})

        assert processor is not None
        assert complaints == (
            "f:2: processors.x.actions[0] has no action that is known; it is ignored",
        )

    def test_has_no_processor_without_actions(self):
        assert read_with(attributes, {}) == (
            None,
            ("f:1: processors.x has no actions; it does nothing",),
        )

    @pytest.mark.parametrize("match", [{"match_type": "strict"}, {"services": ["x"]}])
    def test_does_nothing_if_it_is_not_known_what_it_is_for(self, match):
        processor, complaints = read_with(attributes, {**UPSERT, "include": match})

        assert processor is None
        assert len(complaints) == 2

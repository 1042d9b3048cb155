"""The policies of ``tail_sampling``, each by itself."""

from __future__ import annotations

import hashlib

import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collector_ext.core.processors.policies import (
    INVERT_NOT_SAMPLED,
    INVERT_SAMPLED,
    NOT_SAMPLED,
    SAMPLED,
    SIMPLE,
    Trace,
)
from tests.fakes.sections import section_of
from tests.fakes.telemetry_requests import TRACE_ID, key_values, span

MS = 1_000_000


def trace_of(*spans, trace_id=TRACE_ID, **resource):
    """A trace of one resource."""
    message = Resource(attributes=key_values(resource)).SerializeToString()
    return Trace(trace_id, tuple((message, one.SerializeToString()) for one in spans))


def decision(name, trace, **settings):
    """What a policy says, that was configured without a complaint."""
    keys, make = SIMPLE[name]
    section = section_of(settings)
    policy = make(section, section.read(keys))
    assert policy is not None
    assert section.remarks.complaints == ()
    return policy(trace)


ONE = trace_of(span())


class TestLatency:
    """From the earliest start to the latest end, in whole milliseconds."""

    TRACE = trace_of(
        span(start_time_unix_nano=5 * MS, end_time_unix_nano=8 * MS),
        span(start_time_unix_nano=6 * MS, end_time_unix_nano=15 * MS),
    )

    @pytest.mark.parametrize(
        ("settings", "then"),
        [
            ({"threshold_ms": 10}, SAMPLED),
            ({"threshold_ms": 11}, NOT_SAMPLED),
            ({"threshold_ms": 9, "upper_threshold_ms": 10}, SAMPLED),
            ({"threshold_ms": 10, "upper_threshold_ms": 20}, NOT_SAMPLED),
            ({"threshold_ms": 1, "upper_threshold_ms": 9}, NOT_SAMPLED),
        ],
    )
    def test_is_compared(self, settings, then):
        assert decision("latency", self.TRACE, **settings) == then

    def test_of_a_span_that_did_not_end_is_none(self):
        assert (
            decision("latency", trace_of(span(end_time_unix_nano=0)), threshold_ms=1) == NOT_SAMPLED
        )


class TestStatusCode:
    """One span with the status will do."""

    TRACE = trace_of(span(), span(status={"code": 2}))

    @pytest.mark.parametrize(
        ("codes", "then"), [(["ERROR"], SAMPLED), (["OK"], NOT_SAMPLED), (["OK", "UNSET"], SAMPLED)]
    )
    def test_is_looked_for(self, codes, then):
        assert decision("status_code", self.TRACE, status_codes=codes) == then

    @pytest.mark.parametrize(
        ("codes", "is_made"), [([], False), (["BAD"], False), (["BAD", "OK"], True)]
    )
    def test_that_there_is_not_is_complained_about(self, codes, is_made):
        keys, make = SIMPLE["status_code"]
        section = section_of({"status_codes": codes})

        policy = make(section, section.read(keys))

        assert (policy is not None) == is_made
        assert section.remarks.complaints[0].endswith("is not of ERROR, OK and UNSET alone")


class TestAttributes:
    """Of a span, or of a resource."""

    @pytest.mark.parametrize(
        ("name", "settings", "value", "then"),
        [
            ("string_attribute", {"values": ["x", "y"]}, "y", SAMPLED),
            ("string_attribute", {"values": ["x"]}, "xx", NOT_SAMPLED),
            ("string_attribute", {"values": ["1"]}, 1, NOT_SAMPLED),
            (
                "string_attribute",
                {"values": ["x+"], "enabled_regex_matching": True},
                "axxb",
                SAMPLED,
            ),
            (
                "string_attribute",
                {"values": [".*"], "enabled_regex_matching": True},
                "",
                NOT_SAMPLED,
            ),
            ("string_attribute", {"values": ["x"], "invert_match": True}, "x", INVERT_NOT_SAMPLED),
            ("string_attribute", {"values": ["x"], "invert_match": True}, "y", INVERT_SAMPLED),
            ("numeric_attribute", {"min_value": 5, "max_value": 7}, 7, SAMPLED),
            ("numeric_attribute", {"min_value": 5, "max_value": 7}, 7.5, NOT_SAMPLED),
            ("numeric_attribute", {"min_value": 5}, 1 << 40, SAMPLED),
            ("numeric_attribute", {"max_value": 5}, 6, NOT_SAMPLED),
            ("numeric_attribute", {"min_value": 0}, True, NOT_SAMPLED),
            ("numeric_attribute", {"min_value": 0}, "1", NOT_SAMPLED),
            ("boolean_attribute", {"value": True}, True, SAMPLED),
            ("boolean_attribute", {"value": True}, False, NOT_SAMPLED),
            ("boolean_attribute", {"value": True}, 1, NOT_SAMPLED),
            ("boolean_attribute", {"value": False}, False, SAMPLED),
        ],
    )
    def test_are_compared(self, name, settings, value, then):
        on_a_span = trace_of(span(), span(attributes={"k": value}))
        on_a_resource = trace_of(span(), k=value)

        assert decision(name, on_a_span, key="k", **settings) == then
        assert decision(name, on_a_resource, key="k", **settings) == then

    @pytest.mark.parametrize(("value", "then"), [(True, SAMPLED), (False, NOT_SAMPLED)])
    def test_tell_a_cold_start(self, value, then):
        trace = trace_of(span(attributes={"faas.coldstart": value}))

        assert decision("cold_start", trace) == then


class TestConditions:
    """One span, or one event, that meets one of them will do."""

    TRACE = trace_of(span("a"), span("b", {"k": 1}, events=[{"name": "e"}]), r=2)

    @pytest.mark.parametrize(
        ("conditions", "then"),
        [
            ({"span": ['attributes["k"] == 1']}, SAMPLED),
            ({"span": ['name == "c"', 'resource.attributes["r"] == 2']}, SAMPLED),
            ({"span": ['name == "c"']}, NOT_SAMPLED),
            ({"spanevent": ['name == "e" and span.name == "b"']}, SAMPLED),
            ({"spanevent": ['name == "b"'], "error_mode": "ignore"}, NOT_SAMPLED),
        ],
    )
    def test_are_met(self, conditions, then):
        assert decision("ottl_condition", self.TRACE, **conditions) == then

    @pytest.mark.parametrize("others", [[], ["true"]])
    def test_that_are_not_understood_are_ignored(self, others):
        keys, make = SIMPLE["ottl_condition"]
        section = section_of({"span": ["?", *others]})

        policy = make(section, section.read(keys))

        assert (policy is not None) == bool(others)
        assert "has '?', which is not understood" in section.remarks.complaints[0]

    def test_of_something_within_are_ignored(self):
        keys, make = SIMPLE["ottl_condition"]
        section = section_of({"span": ['spanevent.name == "e"']})

        assert make(section, section.read(keys)) is None
        assert section.remarks.complaints == (
            (
                "f:2: processors.x.span has 'spanevent.name == \"e\"', which is of a spanevent: "
                "there is none here; it is ignored"
            ),
        )


class TestTheRest:
    """What needs no more than the trace itself."""

    def test_always_is_always(self):
        assert decision("always_sample", ONE) == SAMPLED

    @pytest.mark.parametrize(
        ("settings", "then"),
        [
            ({"min_spans": 1}, SAMPLED),
            ({"min_spans": 2}, NOT_SAMPLED),
            ({"max_spans": 1}, SAMPLED),
            ({"min_spans": 0, "max_spans": 0}, SAMPLED),
        ],
    )
    def test_spans_are_counted(self, settings, then):
        assert decision("span_count", ONE, **settings) == then

    @pytest.mark.parametrize(("values", "then"), [(["1", "2"], SAMPLED), (["3"], NOT_SAMPLED)])
    def test_trace_state_is_read(self, values, then):
        trace = trace_of(span(trace_state="a=1, k=2"))

        assert decision("trace_state", trace, key="k", values=values) == then

    @pytest.mark.parametrize("percentage", [0, 10, 60, 100])
    def test_a_percentage_is_kept(self, percentage):
        ids = [hashlib.md5(bytes([at // 256, at % 256])).digest() for at in range(2000)]  # noqa: S324 - as random as trace ids

        found = [
            decision("probabilistic", Trace(id_, ()), sampling_percentage=percentage)
            for id_ in ids[: 2000 if percentage % 100 else 50]
        ]

        assert abs(found.count(SAMPLED) / len(found) - percentage / 100) < 0.04

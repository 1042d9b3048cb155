"""The processor ``tail_sampling``."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import LOGS, SIGNALS, TRACES
from collector_ext.core.processors import tail_sampling
from tests.fakes.sections import processor_of, read_with
from tests.fakes.telemetry_requests import names_in, record, request, span

SECOND = 1_000_000_000
ERROR = {"type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
NEVER = {"type": "span_count", "span_count": {"min_spans": 99}}
ALWAYS = {"type": "always_sample"}


def has(key, value, **more):
    """A policy for an attribute."""
    return {"type": "string_attribute", "string_attribute": {"key": key, "values": [value], **more}}


def kept(body, *policies, **configuration):
    """The names of the spans that are kept."""
    configuration = {"policies": list(policies), **configuration}
    return names_in(TRACES, processor_of(tail_sampling, configuration).process(TRACES, body))


def of_trace(number, name, *args, **fields):
    return span(name, *args, trace_id=bytes([number]) * 16, **fields)


BODY = request(
    TRACES, of_trace(1, "a"), of_trace(2, "b"), of_trace(1, "c", status={"code": 2})
) + request(TRACES, of_trace(1, "d"), of_trace(3, "e", {"k": "v"}))


class TestATrace:
    """It is kept whole, or not at all."""

    def test_is_kept_with_the_spans_of_all_resources(self):
        assert kept(BODY, ERROR) == ["a", "c", "d"]

    def test_is_kept_if_one_policy_keeps_it(self):
        assert kept(BODY, ERROR, has("k", "v")) == ["a", "c", "d", "e"]

    def test_is_dropped_if_none_does(self):
        assert kept(BODY, NEVER) == []

    def test_keeps_its_bytes(self):
        assert processor_of(tail_sampling, {"policies": [ALWAYS]}).process(TRACES, BODY) == BODY

    def test_is_needed_whole(self):
        assert processor_of(tail_sampling, {"policies": [ALWAYS]}).needs_whole

    def test_is_looked_at_as_far_as_it_can_be_walked(self):
        odd = b"\x0a\x06\x12\x04\x12\x02\x0a\x09"

        body = processor_of(tail_sampling, {"policies": [ERROR]}).process(TRACES, odd + BODY)

        assert body.startswith(odd)
        assert names_in(TRACES, body[len(odd) :]) == ["a", "c", "d"]

    @pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
    @pytest.mark.parametrize("body", [b"", b"hello", b"\x0a\x07\x12\x05\x12\x03\x4a\x01k"])
    def test_that_cannot_be_walked_is_kept(self, signal, body):
        processor = processor_of(tail_sampling, {"policies": [has("k", "v")]})

        assert processor.process(signal, body) == body


class TestPoliciesTogether:
    """``drop`` and inverted matches win; ``and`` needs all of its own."""

    def test_drop_wins(self):
        drop = {"type": "drop", "drop": {"drop_sub_policy": [ERROR]}}

        assert kept(BODY, ALWAYS, drop) == ["b", "e"]

    def test_drop_needs_all_of_its_policies(self):
        drop = {"type": "drop", "drop": {"drop_sub_policy": [ERROR, NEVER]}}

        assert kept(BODY, ERROR, drop) == ["a", "c", "d"]

    def test_an_inverted_match_wins(self):
        assert kept(BODY, ALWAYS, has("k", "v", invert_match=True)) == ["a", "b", "c", "d"]

    def test_no_inverted_match_keeps_alone(self):
        assert kept(BODY, has("k", "v", invert_match=True)) == ["a", "b", "c", "d"]

    def test_no_inverted_match_keeps_what_another_does_not(self):
        assert kept(BODY, has("k", "v", invert_match=True), ERROR) == ["a", "c", "d"]

    def test_and_needs_all(self):
        both = [has("k", "v", invert_match=True), ERROR]

        assert kept(BODY, {"type": "and", "and": {"and_sub_policy": both}}) == ["a", "c", "d"]

    def test_composite_keeps_what_any_keeps_and_says_so(self):
        inner = {"composite_sub_policy": [ERROR, has("k", "v")], "max_total_spans_per_second": 9}
        policy = {"type": "composite", "composite": inner}

        processor, complaints = read_with(tail_sampling, {"policies": [policy]})

        assert names_in(TRACES, processor.process(TRACES, BODY)) == ["a", "c", "d", "e"]
        assert complaints[0].endswith(
            "composite shares out no rate here: it keeps what any of its policies keeps"
        )

    @pytest.mark.parametrize("name", ["rate_limiting", "bytes_limiting"])
    def test_a_limit_keeps_everything_and_says_so(self, name):
        policy = {"type": name, name: {"spans_per_second": 1}}

        processor, complaints = read_with(tail_sampling, {"policies": [policy]})

        assert processor.process(TRACES, BODY) == BODY
        assert f"is {name}, which limits nothing here" in complaints[0]


class TestTheShortForm:
    """``keep``: errors, slow ones, cold starts, and a rate of the rest."""

    TRACES_ = request(
        TRACES,
        of_trace(1, "error", status={"code": 2}),
        of_trace(2, "cold", {"faas.coldstart": True}),
        of_trace(3, "slow", end_time_unix_nano=5 * SECOND),
        of_trace(4, "rest"),
    )

    @pytest.mark.parametrize(
        ("keep", "names"),
        [
            ({}, ["error", "cold"]),
            ({"slower_than": "4s"}, ["error", "cold", "slow"]),
            ({"slower_than": "4001ms"}, ["error", "cold"]),
            ({"errors": False, "cold_starts": False, "slower_than": "4s"}, ["slow"]),
            ({"percentage": 100}, ["error", "cold", "slow", "rest"]),
        ],
    )
    def test_keeps_what_it_says(self, keep, names):
        assert kept(self.TRACES_, keep=keep) == names

    def test_goes_with_policies(self):
        assert kept(self.TRACES_, {**NEVER, "span_count": {"min_spans": 1}}, keep={}) == [
            "error",
            "cold",
            "slow",
            "rest",
        ]


class TestAConfigurationThatCannotBeUsed:
    """A policy that is not known is named; with none left every trace is kept."""

    @pytest.mark.parametrize(
        ("policy", "complaint"),
        [
            ({"name": "x"}, "is no policy that is known here; it is ignored"),
            ({"type": "best"}, "is 'best', which is no policy that is known here; it is ignored"),
            ({"type": "and"}, "is 'and', which is no policy that is known here; it is ignored"),
            (
                {"type": "and", "and": {"and_sub_policy": []}},
                "has not all of its policies; it is ignored",
            ),
        ],
    )
    def test_is_complained_about(self, policy, complaint):
        processor, complaints = read_with(tail_sampling, {"policies": [policy]})

        assert processor is None
        assert complaints[0].endswith(complaint)
        assert complaints[1].endswith("has no policies that can be used; every trace is kept")

    @pytest.mark.parametrize(
        ("name", "is_made"), [("and", False), ("drop", False), ("composite", True)]
    )
    def test_policies_that_need_all_of_theirs_are_ignored_without_one(self, name, is_made):
        policy = {"type": name, name: {f"{name}_sub_policy": [ALWAYS, {"type": "best"}]}}

        processor, _ = read_with(tail_sampling, {"policies": [policy]})

        assert (processor is not None) == is_made

    def test_what_others_wait_for_is_accepted_in_silence(self):
        given = {"policies": [ALWAYS], "decision_wait": "10s", "num_traces": 100}

        assert processor_of(tail_sampling, given) is not None

    def test_has_nothing_to_do_with_logs(self):
        body = request(LOGS, record())

        assert processor_of(tail_sampling, {"policies": [NEVER]}).process(LOGS, body) == body

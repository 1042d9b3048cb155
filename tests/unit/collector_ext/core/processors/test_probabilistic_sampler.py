"""The processor ``probabilistic_sampler``."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from collector_ext.core.processors import probabilistic_sampler
from tests.fakes.sections import processor_of, read_with
from tests.fakes.telemetry_requests import (
    attributes_in,
    gauge,
    items_in,
    record,
    request,
    span,
)

LOW, HIGH = bytes(15) + b"\1", bytes(9) + b"\xf0" + bytes(6)
COUNT = 2000


def sampled(signal, *items, percentage=50.0, **configuration):
    """What is left of these items."""
    configuration = {"sampling_percentage": percentage, **configuration}
    processor = processor_of(probabilistic_sampler, configuration)
    return items_in(signal, processor.process(signal, request(signal, *items)))


def trace_id(number):
    """Ids that differ in all their bytes."""
    return (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128) | 1).to_bytes(16, "big")


class TestSpans:
    """About the rate is kept, traces whole, by any mode."""

    @pytest.mark.parametrize("mode", ["hash_seed", "proportional", "equalizing"])
    @pytest.mark.parametrize("percentage", [5.0, 25.0, 90.0])
    def test_are_kept_at_the_rate(self, mode, percentage):
        spans = [span(trace_id=trace_id(at)) for at in range(1, COUNT)]

        left = sampled(TRACES, *spans, percentage=percentage, mode=mode)

        assert abs(len(left) / COUNT - percentage / 100) < 0.03

    @pytest.mark.parametrize("mode", ["hash_seed", "proportional", "equalizing"])
    def test_kept_at_a_rate_are_kept_at_a_larger_one(self, mode):
        spans = [span(trace_id=trace_id(at)) for at in range(1, 500)]

        few = {s.trace_id for s in sampled(TRACES, *spans, percentage=10, mode=mode)}
        many = {s.trace_id for s in sampled(TRACES, *spans, percentage=40, mode=mode)}

        assert few < many

    def test_of_a_trace_are_kept_all_or_none(self):
        spans = [span(trace_id=trace_id(at)) for at in range(1, 200) for _ in range(2)]

        left = [s.trace_id for s in sampled(TRACES, *spans)]

        assert all(left.count(id_) == 2 for id_ in left)

    def test_are_chosen_anew_by_another_seed(self):
        spans = [span(trace_id=trace_id(at)) for at in range(1, 200)]

        assert sampled(TRACES, *spans, hash_seed=1) != sampled(TRACES, *spans, hash_seed=2)

    @pytest.mark.parametrize("mode", ["hash_seed", "proportional", "equalizing"])
    def test_are_all_dropped_at_0_and_kept_at_100(self, mode):
        spans = [span(trace_id=trace_id(at)) for at in range(1, 50)]

        assert sampled(TRACES, *spans, percentage=0, mode=mode) == []
        assert len(sampled(TRACES, *spans, percentage=100, mode=mode)) == 49

    def test_by_their_trace_id_alone_the_last_56_bits_count(self):
        left = sampled(
            TRACES, span("low", trace_id=LOW), span("high", trace_id=HIGH), mode="proportional"
        )

        assert [(s.name, s.trace_state) for s in left] == [("high", "ot=th:8")]


class TestWhatIsKept:
    """It says what it stands for."""

    def test_by_hash_says_threshold_and_number(self):
        (found,) = sampled(TRACES, span(), percentage=100)

        th, _, rv = found.trace_state.removeprefix("ot=th:").partition(";rv:")
        assert (th, len(rv)) == ("0", 14)

    def test_proportionally_multiplies_with_what_others_did(self):
        given = span(trace_id=HIGH, trace_state="a=1,ot=th:8")

        (found,) = sampled(TRACES, given, mode="proportional")

        assert found.trace_state == "ot=th:c,a=1"

    @pytest.mark.parametrize(("before", "after"), [("c", "c"), ("0", "8")])
    def test_equalizing_samples_down_to_the_rate_and_no_more(self, before, after):
        given = span(trace_id=HIGH, trace_state=f"ot=th:{before}")

        (found,) = sampled(TRACES, given, mode="equalizing")

        assert found.trace_state == f"ot=th:{after}"

    def test_goes_by_a_random_number_that_is_given(self):
        state = "ot=rv:ffffffffffffff"

        (found,) = sampled(TRACES, span(trace_id=LOW, trace_state=state), mode="proportional")

        assert found.trace_state == "ot=rv:ffffffffffffff;th:8"

    def test_by_hash_leaves_the_numbers_of_others(self):
        given = span(trace_state="ot=th:8")

        assert sampled(TRACES, given, percentage=100) == [given]


class TestPriority:
    """``sampling.priority`` decides before the rate does."""

    @pytest.mark.parametrize("priority", [0, 0.0, "0.0"], ids=repr)
    def test_of_zero_drops_a_span(self, priority):
        assert (
            sampled(TRACES, span(attributes={"sampling.priority": priority}), percentage=100) == []
        )

    @pytest.mark.parametrize("priority", [1, 0.5, "2"])
    def test_of_more_keeps_it(self, priority):
        given = span(trace_id=LOW, attributes={"sampling.priority": priority})

        (found,) = sampled(TRACES, given, percentage=1, mode="proportional")

        assert found.trace_state == "ot=th:0"

    @pytest.mark.parametrize("priority", ["high", True, -1, [1]])
    def test_of_anything_else_means_nothing(self, priority):
        given = span(trace_id=LOW, attributes={"sampling.priority": priority})

        assert sampled(TRACES, given, percentage=1, mode="proportional") == []

    @pytest.mark.parametrize(("priority", "count"), [(0, 0), (100, 1), ("x", 0), (None, 0)])
    def test_of_a_log_record_is_a_percentage(self, priority, count):
        attributes = {} if priority is None else {"p": priority}
        given = record("x", attributes, trace_id=LOW)

        left = sampled(LOGS, given, percentage=1, mode="proportional", sampling_priority="p")

        assert len(left) == count


class TestLogRecords:
    """By their trace, or by an attribute."""

    def test_are_sampled_by_their_trace(self):
        records = [record("low", trace_id=LOW), record("high", trace_id=HIGH)]

        left = sampled(LOGS, *records, mode="proportional")

        assert [attributes_in(r.attributes) for r in left] == [{"sampling.threshold": "8"}]

    @pytest.mark.parametrize("configuration", [{}, {"attribute_source": "record"}])
    def test_without_one_by_an_attribute(self, configuration):
        records = [record("x", {"id": f"id {at}"}) for at in range(COUNT)]

        left = sampled(LOGS, *records, percentage=20, from_attribute="id", **configuration)

        assert abs(len(left) / COUNT - 0.2) < 0.03
        assert set(attributes_in(left[0].attributes)) == {
            "id",
            "sampling.threshold",
            "sampling.randomness",
        }

    @pytest.mark.parametrize("value", [b"bytes", 1, True])
    def test_by_an_attribute_of_any_type(self, value):
        assert (
            len(sampled(LOGS, record("x", {"id": value}), percentage=100, from_attribute="id")) == 1
        )


class TestWithoutANumber:
    """What has no trace is dropped, or kept if that is wanted."""

    @pytest.mark.parametrize("mode", ["hash_seed", "proportional"])
    @pytest.mark.parametrize("trace_id_", [b"", bytes(16)])
    def test_it_is_dropped(self, mode, trace_id_):
        assert sampled(TRACES, span(trace_id=trace_id_), percentage=99, mode=mode) == []
        assert sampled(LOGS, record("x"), percentage=99, mode=mode, from_attribute="z") == []

    def test_it_is_kept_as_it_is(self):
        given = span(trace_id=b"")

        assert sampled(TRACES, given, percentage=1, fail_closed=False) == [given]

    @pytest.mark.parametrize(("is_closed", "count"), [(True, 0), (False, 1)])
    def test_so_is_what_should_not_be_here(self, is_closed, count):
        given = span(trace_id=LOW, trace_state="ot=th:c")

        left = sampled(TRACES, given, mode="proportional", fail_closed=is_closed)

        assert len(left) == count


class TestAConfigurationThatCannotBeUsed:
    """It is said, and nothing is lost for it."""

    @pytest.mark.parametrize("given", [{}, {"sampling_percentage": -1}])
    def test_without_a_percentage_everything_is_kept(self, given):
        processor, complaints = read_with(probabilistic_sampler, given)

        assert processor is None
        assert complaints[0].endswith(
            "sampling_percentage has no percentage of 0 or more; everything is kept"
        )

    @pytest.mark.parametrize("given", [{"sampling_precision": 15}, {"hash_seed": -1}])
    def test_out_of_range_uses_the_default(self, given):
        processor, complaints = read_with(
            probabilistic_sampler, {"sampling_percentage": 100, **given}
        )

        assert len(items_in(TRACES, processor.process(TRACES, request(TRACES, span())))) == 1
        assert len(complaints) == 1

    def test_has_nothing_to_do_with_metrics(self):
        body = request(METRICS, gauge("m", {}))

        assert (
            processor_of(probabilistic_sampler, {"sampling_percentage": 0}).process(METRICS, body)
            == body
        )

    @pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
    def test_what_cannot_be_walked_stays(self, signal):
        body = b"\x0a\x06\x12\x04\x12\x02\x0a\x09"

        assert (
            processor_of(probabilistic_sampler, {"sampling_percentage": 50}).process(signal, body)
            == body
        )

"""Which metrics are made of what the platform tells."""

from __future__ import annotations

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from collector_ext.core.otlp import METRICS, TRACES
from collector_ext.core.platform.metrics import INVOCATION_COUNT_MAX, PlatformMetrics
from collector_ext.core.platform.price import Prices
from collector_ext.core.platform.root import root_in
from lambda_sandbox.core.telemetry.records import StartUp
from tests.fakes.platform_entries import (
    at_ns,
    entry,
    init,
    invocation,
    records_in,
    report,
    restore,
    runtime_done,
    start,
)
from tests.fakes.telemetry_requests import attributes_in, items_in, parsed, request, span

MB = 1024 * 1024
ROOT = bytes(7) + b"\x01"
OPEN = request(TRACES, span(span_id=ROOT))
FAILED = span(span_id=ROOT, status=Status(code=Status.STATUS_CODE_ERROR))


class Told:
    """Metrics, and what they come to."""

    def __init__(self):
        prices = Prices(per_gb_second=2.0, per_request=0.5)
        self.metrics = PlatformMetrics(prices, {"service.name": "shop"}, "0.1.0")

    def told(self, *entries):
        for record in records_in(entries):
            self.metrics.told(record)
        return self

    def found(self):
        """By name and attributes: a number, or the values of a histogram's sum and count."""
        body = self.metrics.take(at_ns(0), at_ns(60_000))
        return {
            (metric.name, *attributes_in(point.attributes).values()): _amount(point)
            for metric in items_in(METRICS, body)
            for points in (metric.sum, metric.gauge, metric.histogram)
            for point in points.data_points
        }


def _amount(point):
    if hasattr(point, "bucket_counts"):
        return (point.count, pytest.approx(point.sum))
    return pytest.approx(getattr(point, point.WhichOneof("value")))


@pytest.fixture
def told():
    return Told()


class TestAnInvocation:
    """Its report tells what it took and what it cost."""

    def test_is_measured(self, told):
        told.told(*init(0, 120), *invocation("r-1", 121, took_ms=30))

        assert told.found() == {
            ("faas.invocations",): 1,
            ("faas.coldstarts",): 1,
            ("faas.init_duration", "on-demand"): (1, 0.12),
            ("faas.invoke_duration",): (1, 0.03),
            ("faas.mem_usage",): (1, 64 * MB),
            ("aws.lambda.memory_size",): 256 * MB,
            ("aws.lambda.billed_duration",): 0.033,
            ("aws.lambda.estimated_cost",): 0.5 + 0.033 * 0.25 * 2.0,
            ("aws.lambda.extension_overhead",): (1, 0.003),
        }

    def test_is_measured_once(self, told):
        told.told(*invocation("r-1", 121, took_ms=30)).found()

        assert told.found() == {}

    def test_is_of_the_function(self, told):
        told.told(*invocation("r-1", 121, took_ms=30))

        (group,) = parsed(METRICS, told.metrics.take(1, 2)).resource_metrics
        assert attributes_in(group.resource.attributes) == {"service.name": "shop"}
        assert group.scope_metrics[0].scope.name == "otel_layer.platform"

    def test_that_is_not_reported_yet_is_not_measured(self, told):
        assert told.told(*invocation("r-1", 121, took_ms=30)[:-1]).found() == {}

    def test_is_a_cold_start_only_if_it_waited(self, told):
        found = told.told(*init(0, 120), *invocation("r-1", 60_000, took_ms=30)).found()

        assert ("faas.coldstarts",) not in found
        assert found["faas.init_duration", "on-demand"] == (1, 0.12)


class TestTheOutcome:
    """Each invocation is a success, an error or a timeout."""

    def outcomes(self, told):
        kinds = ("faas.invocations", "faas.errors", "faas.timeouts")
        return {key: value for key, value in told.found().items() if key[0] in kinds}

    def test_of_a_timeout(self, told):
        told.told(*invocation("r-1", 0, took_ms=3_000, status="timeout"))

        assert self.outcomes(told) == {("faas.timeouts",): 1}

    def test_of_a_crash_has_lambdas_word_for_it(self, told):
        told.told(report("r-1", 0, 3, status="error", errorType="Runtime.ExitError"))

        assert self.outcomes(told) == {("faas.errors", "Runtime.ExitError"): 1}

    def test_of_a_failure_without_a_word_for_it(self, told):
        told.told(*invocation("r-1", 0, took_ms=3, status="failure"))

        assert self.outcomes(told) == {("faas.errors", "_OTHER"): 1}

    def test_that_only_the_root_knows(self, told):
        told.metrics.started("r-1", root_in(OPEN))
        told.metrics.ended("r-1", request(TRACES, span(), FAILED))
        told.told(*invocation("r-1", 0, took_ms=3), *invocation("r-1", 60_000, took_ms=3))

        assert self.outcomes(told) == {("faas.errors", "_OTHER"): 1, ("faas.invocations",): 1}

    @pytest.mark.parametrize("last", [b"", request(TRACES, span(span_id=ROOT))])
    def test_that_the_root_says_nothing_of(self, told, last):
        told.metrics.started("r-1", root_in(OPEN))
        told.metrics.ended("r-1", last)
        told.told(*invocation("r-1", 0, took_ms=3))

        assert self.outcomes(told) == {("faas.invocations",): 1}

    def test_of_a_root_that_is_not_known(self, told):
        told.metrics.started("r-1", root_in(b""))
        told.metrics.ended("r-1", request(TRACES, FAILED))
        told.told(*invocation("r-1", 0, took_ms=3))

        assert self.outcomes(told) == {("faas.invocations",): 1}

    def test_that_the_report_does_not_tell_is_what_the_runtime_told(self, told):
        told.told(runtime_done("r-1", 0, 3, status="timeout"), report("r-1", 0, 3, status=""))

        assert self.outcomes(told) == {("faas.timeouts",): 1}

    def test_that_nobody_tells_is_a_success(self, told):
        told.told(report("r-1", 0, 3, status=""))

        assert self.outcomes(told) == {("faas.invocations",): 1}


class TestARestore:
    """It is this environment's start-up, and is billed by itself."""

    def test_is_measured(self, told):
        published = init(0, 100, initialization_type="snap-start")
        start_up = StartUp(restored=True, duration_s=0.02)

        told.told(
            *published,
            *restore(60_000, 60_020),
            start("r-1", 60_021),
            report("r-1", 60_021, 7, start_up=start_up),
        )

        found = told.found()
        assert found["faas.init_duration", "snap-start"] == (1, 0.02)
        assert found["faas.coldstarts",] == 1
        assert found["aws.lambda.billed_duration",] == 0.01 + 0.02


class TestExtensionOverhead:
    """What Lambda tells of it; else what a success took after its runtime was done."""

    def overhead(self, told):
        return told.found().get(("aws.lambda.extension_overhead",))

    def test_follows_from_the_durations(self, told):
        told.told(runtime_done("r-1", 0, 30), report("r-1", 0, 30, overhead_ms=4, spans=[]))

        assert self.overhead(told) == (1, 0.004)

    def test_is_never_negative(self, told):
        told.told(runtime_done("r-1", 0, 30), report("r-1", 0, 20, overhead_ms=0, spans=[]))

        assert self.overhead(told) == (1, 0.0)

    def test_does_not_follow_of_a_failure(self, told):
        told.told(
            runtime_done("r-1", 0, 30, status="error"),
            report("r-1", 0, 30, overhead_ms=4, status="error", spans=[]),
        )

        assert self.overhead(told) is None

    def test_does_not_follow_where_the_environment_was_initialised_within(self, told):
        told.told(
            *init(0, 100, phase="invoke"),
            start("r-1", 101),
            runtime_done("r-1", 101, 30),
            report("r-1", 0, 131, spans=[]),
        )

        assert self.overhead(told) is None

    def test_does_not_follow_from_one_duration(self, told):
        told.told(runtime_done("r-1", 0, 30, metrics={}), report("r-1", 0, 30, spans=[]))

        assert self.overhead(told) is None


class TestAManagedInstance:
    """Its report is all that is told, without memory and money."""

    def test_is_measured_by_its_report(self, told):
        told.told(
            *init(0, 100, initialization_type="lambda-managed-instances"),
            start("r-1", 101),
            report("r-1", 101, 30, metrics={"durationMs": 30}, spans=[]),
        )

        assert told.found() == {
            ("faas.init_duration", "lambda-managed-instances"): (1, 0.1),
            ("faas.invocations",): 1,
            ("faas.invoke_duration",): (1, 0.03),
        }


class TestWhatIsNotTold:
    """It is not measured."""

    def test_of_a_report_without_metrics(self, told):
        assert told.told(report("r-1", 0, 3, metrics={}, spans=[])).found() == {
            ("faas.invocations",): 1
        }

    def test_no_cost_without_a_size(self, told):
        found = told.told(report("r-1", 0, 3, metrics={"billedDurationMs": 3})).found()

        assert found["aws.lambda.billed_duration",] == 0.003
        assert ("aws.lambda.estimated_cost",) not in found

    def test_no_cost_where_environments_are_paid_for(self, told):
        ahead = init(0, 100, initialization_type="provisioned-concurrency")

        found = told.told(*ahead, *invocation("r-1", 101, took_ms=30)).found()
        assert ("aws.lambda.estimated_cost",) not in found

    def test_no_duration_of_an_initialisation_without_one(self, told):
        assert told.told(entry("initReport", {}, 0)).found() == {}


class TestTheLayer:
    """How long Lambda waited for it is measured here."""

    def test_is_a_duration(self, told):
        told.metrics.held(0.004)

        assert told.found() == {("otel_layer.hold_duration",): (1, 0.004)}


def test_no_more_is_remembered_than_may_be_reported(told):
    numbers = range(INVOCATION_COUNT_MAX + 1)

    told.told(*(runtime_done(f"r-{number}", number, 1, status="timeout") for number in numbers))
    told.told(report("r-0", 0, 3, status=""), report("r-1", 0, 3, status=""))

    found = told.found()
    assert (found["faas.timeouts",], found["faas.invocations",]) == (1, 1)

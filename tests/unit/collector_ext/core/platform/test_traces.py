"""Which spans are made of what the platform tells, and below which root."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import PROTOBUF, TRACES
from collector_ext.core.platform.root import root_in
from collector_ext.core.platform.traces import INVOCATION_COUNT_MAX, PlatformTraces
from tests.fakes.platform_entries import (
    at_ns,
    init,
    invocation,
    records_in,
    report,
    restore,
    runtime_done,
    start,
)
from tests.fakes.telemetry_requests import items_in, request, span

ROOT, OTHER = bytes(7) + b"\x01", bytes(7) + b"\x02"

INIT = ["aws.lambda.init", "aws.lambda.initRuntime", "aws.lambda.initExtensions"]
DONE = ["aws.lambda.responseLatency", "aws.lambda.responseDuration", "aws.lambda.runtimeOverhead"]
REPORT = ["aws.lambda.extensionOverhead"]


def root(root_id=ROOT, at_ms=122.0, trace_id=bytes(range(16))):
    """A provisional root."""
    started_ns = at_ns(at_ms) + 999_999  # the platform's times are cut to milliseconds
    return request(
        TRACES, span(span_id=root_id, trace_id=trace_id, start_time_unix_nano=started_ns)
    )


class Told:
    """Traces, and the spans that were made."""

    def __init__(self):
        self.traces = PlatformTraces("0.1.0")

    def started(self, request_id="r-1", body=None):
        return self._made(
            self.traces.started(request_id, root_in(root() if body is None else body))
        )

    def told(self, *entries):
        return [
            made for record in records_in(entries) for made in self._made(self.traces.told(record))
        ]

    def _made(self, payloads):
        for payload in payloads:
            assert (payload.signal, payload.content_type) == (TRACES, PROTOBUF)
            assert payload.item_count == len(items_in(TRACES, payload.body))
        return [item for payload in payloads for item in items_in(TRACES, payload.body)]


def names(spans):
    return [each.name for each in spans]


@pytest.fixture
def told():
    return Told()


class TestAColdStart:
    """Its spans are below the root of the invocation that waited for it, made once."""

    def test_is_told_when_the_invocation_starts(self, told):
        told.started()

        assert names(told.told(*init(0, 120), start("r-1", 121))) == INIT

    def test_waits_for_a_root_that_comes_later(self, told):
        assert told.told(*init(0, 120), start("r-1", 121)) == []

        assert names(told.started()) == INIT

    def test_is_below_the_root(self, told):
        told.started()

        whole, *phases = told.told(*init(0, 120), start("r-1", 121))
        assert whole.parent_span_id == ROOT
        assert {phase.parent_span_id for phase in phases} == {whole.span_id}

    def test_is_told_once(self, told):
        told.started()
        told.told(*init(0, 120), start("r-1", 121))

        assert told.told(start("r-1", 121), start("r-2", 300)) == []
        assert told.started("r-2", root(OTHER, 301)) == []

    def test_is_not_told_of_another_invocation(self, told):
        told.told(*init(0, 120), start("r-1", 121))

        assert told.started("r-2", root(OTHER, 301)) == []

    def test_is_told_of_the_first_try(self, told):
        told.started()
        told.started(body=root(OTHER, 60_000))

        found = told.told(*init(0, 120), start("r-1", 121))
        assert found[0].parent_span_id == ROOT

    def test_is_not_told_of_later_tries(self, told):
        told.started()
        told.told(*init(0, 120), start("r-1", 121))

        tries = [root(bytes(7) + bytes([number]), 60_000 * number) for number in (2, 3)]
        assert [told.started(body=each) for each in tries] == [[], []]

    @pytest.mark.parametrize("kind", ["provisioned-concurrency", "lambda-managed-instances"])
    def test_is_none_where_environments_are_there_ahead(self, told, kind):
        told.started()

        assert told.told(*init(0, 120, initialization_type=kind), start("r-1", 121)) == []

    def test_is_none_after_a_proactive_initialisation(self, told):
        told.started(body=root(at_ms=60_001))

        assert told.told(*init(0, 120), start("r-1", 60_000)) == []

    def test_may_be_a_restore(self, told):
        told.started()

        assert names(told.told(*restore(100, 120), start("r-1", 121))) == [
            "aws.lambda.restore",
            "aws.lambda.restoreRuntime",
        ]


class TestAnInvocation:
    """What is told of it is below its root."""

    def test_has_spans_of_the_runtime_and_of_extensions(self, told):
        told.started()

        found = told.told(*invocation("r-1", 121, took_ms=30))
        assert names(found) == [*DONE, *REPORT]
        assert {each.parent_span_id for each in found} == {ROOT}
        assert {each.trace_id for each in found} == {bytes(range(16))}

    def test_may_be_told_of_when_others_have_started(self, told):
        told.started()
        told.started("r-2", root(OTHER, 300))

        assert {each.parent_span_id for each in told.told(report("r-1", 121, 30))} == {ROOT}

    def test_is_told_of_once(self, told):
        told.started()
        told.told(runtime_done("r-1", 121, 30))

        assert told.told(runtime_done("r-1", 121, 30)) == []

    def test_as_short_as_the_platform_can_tell_has_them_too(self, told):
        told.started()

        assert names(told.told(report("r-1", 122, 0, overhead_ms=0))) == REPORT

    @pytest.mark.parametrize("body", [b"", request(TRACES, span(span_id=b""))])
    def test_without_a_root_has_none(self, told, body):
        told.started(body=body)

        assert told.told(*invocation("r-1", 121, took_ms=30)) == []

    def test_that_is_unknown_has_none(self, told):
        assert told.told(*init(0, 120), *invocation("r-1", 121, took_ms=30)) == []


class TestAnotherTryOfARequest:
    """Lambda tries again under the old id; each try has a root of its own."""

    def test_what_was_told_late_is_of_the_try_that_had_started(self, told):
        told.started()
        told.started(body=root(OTHER, 60_001))

        late = told.told(report("r-1", 121, 30))
        now = told.told(report("r-1", 60_000, 30))
        assert [each.parent_span_id for each in (*late, *now)] == [ROOT, OTHER]

    def test_a_root_that_is_sent_again_is_the_same(self, told):
        told.started()
        told.told(runtime_done("r-1", 121, 30))
        told.started()

        assert told.told(runtime_done("r-1", 121, 30)) == []

    def test_a_root_that_cannot_be_read_replaces_none(self, told):
        told.started()
        told.started(body=b"")

        assert names(told.told(report("r-1", 121, 30))) == REPORT

    def test_no_more_than_two_are_remembered(self, told):
        for number, at_ms in enumerate((122, 60_000, 120_000), start=1):
            told.started(body=root(bytes(7) + bytes([number]), at_ms))

        assert told.told(report("r-1", 121, 30)) == []


class TestManyInvocations:
    """Only so many are remembered."""

    def test_the_oldest_is_forgotten(self, told):
        for number in range(INVOCATION_COUNT_MAX + 1):
            told.started(f"r-{number}", root(at_ms=number))

        assert told.told(report("r-0", 121, 30)) == []
        assert names(told.told(report("r-1", 121, 30))) == REPORT

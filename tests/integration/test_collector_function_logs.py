"""What the function writes, as logs where they are asked for."""

from __future__ import annotations

import json

import pytest

from collector_ext.core.otlp import TRACES
from tests.fakes.collector_process import CollectorProcess
from tests.fakes.lambda_api import FakeLambdaApi
from tests.fakes.otlp_remote import FakeRemote
from tests.fakes.platform_entries import at_ns, batch, init, invocation, start
from tests.fakes.telemetry_requests import TRACE_ID, plain, request, span

ROOT = bytes(7) + b"\x01"
OPEN = request(TRACES, span("root", span_id=ROOT, start_time_unix_nano=at_ns(122)))
FINAL = request(TRACES, span("root", span_id=ROOT, start_time_unix_nano=at_ns(122)))
ON = {"OTEL_LAYER_FUNCTION_LOGS": "true"}
MANAGED = {"AWS_LAMBDA_INITIALIZATION_TYPE": "lambda-managed-instances"}


def wrote(record, at_ms=130):
    return {"time": init(at_ms, at_ms)[0]["time"], "type": "function", "record": record}


IMPORTED = wrote("importing", at_ms=60)
TOLD_IN_TIME = batch(*init(0, 120), IMPORTED, start("r-1", 121), wrote("hello"))
TOLD_LATE = batch(wrote("late"), *invocation("r-1", 121, took_ms=30)[1:])
DONE = {**invocation("r-1", 0, took_ms=30)[1], "time": None}
"""Without a time it is now: one of before is that of an earlier try."""

DEEP = b'[{"type":"function","record":' + b"[" * 50_000 + b"]" * 50_000 + b"},"


class Life:
    """One invocation in an environment that ends, and what came of it."""

    def __init__(self, tmp_path, variables=None, *, answer=None, **lambda_options):
        answers = {"answer": answer} if answer else {}
        with FakeRemote(**answers) as remote, FakeLambdaApi(**lambda_options) as lambda_:
            environ = {
                "OTEL_EXPORTER_OTLP_ENDPOINT": remote.url,
                "AWS_LAMBDA_FUNCTION_NAME": "shop",
                **ON,
                **(variables or {}),
            }
            with CollectorProcess(tmp_path, lambda_.address, environ) as collector:
                lambda_.wait_until_asked(1)
                lambda_.invokes("r-1")
                collector.tell("r-1", "start", OPEN)
                if lambda_.has_telemetry:
                    lambda_.delivers(TOLD_IN_TIME)
                collector.tell("r-1", "end", FINAL)
                lambda_.wait_until_asked(2)
                if lambda_.has_telemetry:
                    lambda_.delivers(TOLD_LATE)
                lambda_.shuts_down()
                assert collector.wait() == 0
                self.lines, self.summary = collector.lines, collector.summary
            assert lambda_.violations == []
            self.subscriptions = [each["types"] for each in lambda_.subscriptions]
            self.records = logs_in(remote)
            self.requests = remote.requests


def logs_in(remote):
    return [
        (group.resource, scoped.scope, record)
        for told in remote.requests
        if told.path == "/v1/logs"
        for group in told.message().resource_logs
        for scoped in group.scope_logs
        for record in scoped.log_records
    ]


def bodies(records):
    return [record.body.string_value for _, _, record in records]


class TestWhatTheFunctionWrote:
    """Is at the endpoint, with the trace of its invocation."""

    def test_all_of_it_has_left_at_shutdown(self, tmp_path):
        life = Life(tmp_path)

        assert bodies(life.records) == ["importing", "hello", "late"]
        assert "3 log records received, 3 exported" in life.summary
        assert life.lines == []

    def test_what_was_told_in_time_left_with_its_invocation(self, tmp_path):
        with FakeRemote() as remote, FakeLambdaApi() as lambda_:
            environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": remote.url, **ON}
            with CollectorProcess(tmp_path, lambda_.address, environ) as collector:
                lambda_.wait_until_asked(1)
                lambda_.invokes("r-1")
                collector.tell("r-1", "start", OPEN)
                lambda_.delivers(batch(start("r-1", 0), wrote("hello"), DONE))
                lambda_.wait_until_asked(2)

                assert bodies(logs_in(remote)) == ["hello"]
                lambda_.shuts_down()
                assert collector.wait() == 0

    def test_its_trace_is_the_roots(self, tmp_path):
        life = Life(tmp_path)

        found = [(record.trace_id, record.span_id) for _, _, record in life.records]
        assert found == [(b"", b""), (TRACE_ID, ROOT), (TRACE_ID, ROOT)]

    def test_it_is_the_functions(self, tmp_path):
        resource, scope, record = Life(tmp_path).records[1]

        named = {each.key: plain(each.value) for each in resource.attributes}
        assert (named["service.name"], named["faas.name"]) == ("shop", "shop")
        assert scope.name == "otel_layer.function_logs"
        assert [(a.key, plain(a.value)) for a in record.attributes] == [
            ("faas.invocation_id", "r-1")
        ]

    def test_with_a_strategy_that_overlaps_all_of_it_leaves(self, tmp_path):
        life = Life(tmp_path, {"OTEL_LAYER_FLUSH_STRATEGY": "next"})

        assert bodies(life.records) == ["importing", "hello", "late"]


class TestTheSubscription:
    """Asks for it only where it is wanted, and never at the price of the platform's."""

    def test_it_is_for_both(self, tmp_path):
        assert Life(tmp_path).subscriptions == [["platform", "function"]]

    @pytest.mark.parametrize("value", ["false", "", "1", "yes"])
    def test_unless_it_is_true_it_is_for_the_platform_alone(self, tmp_path, value):
        life = Life(tmp_path, {"OTEL_LAYER_FUNCTION_LOGS": value})

        assert (life.subscriptions, life.records) == ([["platform"]], [])

    def test_where_it_is_refused_the_platform_is_subscribed_to(self, tmp_path):
        variables = {"OTEL_LAYER_PLATFORM_SPANS": "true"}
        life = Life(tmp_path, variables, refused_types=("function",))

        assert life.subscriptions == [["platform", "function"], ["platform"]]
        assert life.records == []
        assert any(b"aws.lambda.init" in told.body for told in life.requests)
        (line,) = life.lines
        found = "Lambda does not tell what the function writes: HTTP 400"
        assert found in line
        assert line.endswith("; OTEL_LAYER_FUNCTION_LOGS has no effect")

    def test_where_there_is_no_telemetry_it_is_not_asked_for_again(self, tmp_path):
        life = Life(tmp_path, has_telemetry=False)

        assert (life.subscriptions, life.lines) == ([["platform", "function"]], [])

    def test_without_an_exporter_of_logs_one_line_says_so(self, tmp_path):
        variables = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces",
        }

        lines = Life(tmp_path, variables).lines

        found = "OTEL_LAYER_FUNCTION_LOGS=true, and no exporter of logs; no effect"
        assert lines[0].partition(" WARN ")[2] == found


class TestAnEndpointThatRefuses:
    """Makes nobody write more: our own output is not the function's."""

    def test_nothing_is_exported_about_it(self, tmp_path):
        life = Life(tmp_path, answer=lambda _: (400, b"no"))

        logs = [told for told in life.requests if told.path == "/v1/logs"]
        whole = {record.body.string_value for told in logs for record in records_of(told)}
        assert whole == {"importing", "hello", "late"}
        assert "3 log records received, 0 exported" in life.summary

    def test_logs_may_go_elsewhere(self, tmp_path):
        with FakeRemote() as second:
            life = Life(tmp_path, {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"{second.url}/v1/logs"})

            assert bodies(logs_in(second)) == ["importing", "hello", "late"]
        assert life.records == []


def records_of(told):
    return [
        record
        for group in told.message().resource_logs
        for scoped in group.scope_logs
        for record in scoped.log_records
    ]


def test_what_cannot_be_read_does_not_keep_an_invocation_from_its_end(tmp_path):
    with FakeRemote() as remote, FakeLambdaApi() as lambda_:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": remote.url, **ON}
        with CollectorProcess(tmp_path, lambda_.address, environ) as collector:
            lambda_.wait_until_asked(1)
            lambda_.invokes("r-1")
            lambda_.delivers(DEEP + json.dumps(DONE).encode() + b"]")

            lambda_.wait_until_asked(2)

            lambda_.shuts_down()
            assert collector.wait() == 0


def test_a_record_may_be_long_and_longer_as_json(tmp_path):
    with FakeRemote() as remote, FakeLambdaApi() as lambda_:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": remote.url, **ON}
        with CollectorProcess(tmp_path, lambda_.address, environ) as collector:
            lambda_.wait_until_asked(1)
            assert lambda_.delivers(batch(wrote("\x1b" * 262_144), wrote("\x1b" * 262_144))) == 200
            lambda_.shuts_down()
            assert collector.wait() == 0
        assert [len(body) for body in bodies(logs_in(remote))] == [262_144, 262_144]


def test_on_managed_instances_no_invocation_is_guessed(tmp_path):
    named = {"message": "named", "level": "INFO", "requestId": "r-2"}
    told = batch(start("r-1", 0), start("r-2", 1), wrote({"message": "unnamed"}), wrote(named))
    with FakeRemote() as remote, FakeLambdaApi(accepts_invoke=False) as lambda_:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": remote.url, **ON, **MANAGED}
        with CollectorProcess(tmp_path, lambda_.address, environ) as collector:
            lambda_.wait_until_asked(1)
            lambda_.delivers(told)
            lambda_.shuts_down()
            assert collector.wait() == 0
        found = logs_in(remote)

    assert bodies(found) == ["unnamed", "named"]
    ids = [[plain(a.value) for a in record.attributes] for _, _, record in found]
    assert ids == [[], ["r-2"]]

"""What the function says with OpenTelemetry's logs API: at the collector before it can crash."""

from __future__ import annotations

import pytest

from tests.fakes.local_collector import LocalCollector, attributes
from tests.fakes.runtime_api import FunctionProcess, RuntimeApi, layer_from_source

APP = """
import logging
import os
import threading
import warnings

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber, get_logger, get_logger_provider
from opentelemetry._logs import set_logger_provider
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from opentelemetry.sdk._logs import LoggingHandler
    handler_of_the_sdk = LoggingHandler()

shop = logging.getLogger("shop")
shop.setLevel(logging.INFO)
shop.propagate = False
shop.addHandler(handler_of_the_sdk)
shop.info("while it is loaded")


def handler(event, context):
    shop.warning("sold %s", "out", extra={"order": 7})
    with trace.get_tracer("x").start_as_current_span("inner"):
        shop.error("in a span")
    thread = threading.Thread(target=shop.error, args=("in a thread",))
    thread.start()
    thread.join()


def api(event, context):
    get_logger("mine", "1.0").emit(
        LogRecord(
            body={"a": [1, "b", None, b"c"]},
            severity_number=SeverityNumber.INFO,
            attributes={"n": 1},
            event_name="bought",
        )
    )


def many(event, context):
    for number in range(2000):
        shop.info("%d", number)


def dies(event, context):
    shop.info("last words")
    os._exit(7)


def odd(event, context):
    shop.info("x", extra={"thing": object()})
    try:
        raise ValueError("in the log")
    except ValueError:
        shop.exception("caught")
    return "done"


def flushes(event, context):
    assert get_logger_provider().force_flush()
    get_logger_provider().shutdown()
    shop.info("after that")


def resource(event, context):
    return dict(get_logger("mine").resource.attributes)["service.name"]


def sets_ours(event, context):
    set_logger_provider(get_logger_provider())
    get_logger("mine").emit(LogRecord(body="by ours"))
    shop.info("too")


def is_of_the_sdk(event, context):
    from opentelemetry.sdk._logs import LoggerProvider
    return isinstance(get_logger_provider(), LoggerProvider)
"""

OWN = """
from opentelemetry._logs import LogRecord, get_logger, set_logger_provider

early = get_logger("library")
early.emit(LogRecord(body="too early"))

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

kept = InMemoryLogRecordExporter()
provider = LoggerProvider(shutdown_on_exit=False)
provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
set_logger_provider(provider)


def handler(event, context):
    early.emit(LogRecord(body="early"))
    get_logger("app").emit(LogRecord(body="late"))
    return [one.log_record.body for one in kept.get_finished_logs()]
"""

PLAIN = """
import logging

logging.getLogger().setLevel(logging.INFO)
logging.info("while it is loaded")


def handler(event, context):
    logging.getLogger("shop").warning("sold out")
    raise ValueError("on purpose")
"""

ALL = {"OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true"}


class Run:
    """What came of one invocation."""

    def __init__(self, outcome, requests, function):
        self.outcome = outcome
        self.requests = requests
        self.lines = function.our_lines
        self.stderr = function.stderr

    @property
    def records(self):
        """All log records, as they came."""
        return [record for one in self.requests for record in one.log_records]

    def record(self, text):
        """The record with this text."""
        (found,) = [one for one in self.records if one.body.string_value == text]
        return found

    def span(self, name):
        """The finished span of a name."""
        spans = [span for one in self.requests if one.phase != "start" for span in one.spans]
        return next(span for span in spans if span.name == name)


@pytest.fixture
def run(tmp_path):
    """Invoke a handler once, and return what came of it."""
    layer = layer_from_source(tmp_path / "layer")
    task = tmp_path / "task"
    task.mkdir()
    for name, text in {"app": APP, "own": OWN, "plain": PLAIN}.items():
        (task / f"{name}.py").write_text(text)

    def invoke(handler="app.handler", *, environ=None, until=None):
        with (
            RuntimeApi() as api,
            LocalCollector(api.address) as collector,
            FunctionProcess(api, task, handler, layer=layer, environ=environ) as function,
        ):
            if until is not None:
                api.hand_out({}, request_id="request-1")
                collector.wait_for(until)
                return Run(None, list(collector.requests), function)
            outcome = api.invoke({})
            collector.wait_for_end("request-1")
            return Run(outcome, list(collector.requests), function)

    return invoke


class TestTheSdksHandler:
    """What is logged arrives, with its trace."""

    def test_everything_arrives_before_the_end(self, run):
        done = run()

        assert [record.body.string_value for record in done.records] == [
            "while it is loaded",
            "sold out",
            "in a span",
            "in a thread",
        ]
        assert done.requests[-1].phase == "end"

    def test_each_record_belongs_to_the_invocation_it_was_made_in(self, run):
        done = run()

        ids = [one.invocation_id for one in done.requests if one.path == "/v1/logs"]
        assert ids[0] is None  # while the module was loaded
        assert set(ids[1:]) == {"request-1"}

    def test_it_carries_the_ids_of_its_span(self, run):
        done = run()

        root, inner = done.span("hello"), done.span("inner")
        assert done.record("in a span").span_id == inner.span_id
        assert done.record("sold out").span_id == root.span_id
        assert {one.trace_id for one in done.records} == {b"", root.trace_id}

    def test_on_a_thread_of_its_own_those_of_the_root(self, run):
        done = run()

        record = done.record("in a thread")
        assert (record.trace_id, record.span_id) == (
            done.span("hello").trace_id,
            done.span("hello").span_id,
        )

    def test_it_says_what_was_logged_and_nothing_of_ours(self, run):
        record = run().record("sold out")

        found = attributes(record)
        assert {name for name in found if not name.startswith("code.")} == {"order"}
        assert (record.severity_text, record.severity_number) == ("WARN", 13)

    def test_the_resource_is_that_of_the_spans(self, run):
        done = run()

        of_logs = next(one for one in done.requests if one.path == "/v1/logs")
        assert of_logs.resources == done.requests[-1].resources

    def test_no_line_of_ours_is_written(self, run):
        assert run().stderr == ""

    def test_what_cannot_be_an_attribute_costs_nothing_else(self, run):
        done = run("app.odd")

        assert done.outcome.body == b'"done"'
        found = attributes(done.record("caught"))
        assert found["exception.type"] == "ValueError"
        assert "in the log" in found["exception.stacktrace"]


class TestTheApi:
    """Records and events of any shape."""

    def test_a_body_may_be_any_value(self, run):
        (record,) = run("app.api").records[1:]

        (pair,) = record.body.kvlist_value.values
        kinds = [value.WhichOneof("value") for value in pair.value.array_value.values]
        assert kinds == ["int_value", "string_value", None, "bytes_value"]
        assert record.event_name == "bought"

    def test_a_flush_and_a_shutdown_of_the_provider_work(self, run):
        assert run("app.flushes").outcome.kind == "response"

    def test_a_logger_knows_its_resource(self, run):
        # The SDK's handler asked for it until 1.35.
        assert run("app.resource").outcome.body == b'"hello"'

    def test_the_provider_is_the_sdk_s(self, run):
        assert run("app.is_of_the_sdk").outcome.body == b"true"


class TestALotOfThem:
    """A busy function does not pay a request for each."""

    def test_all_arrive_in_order_in_few_requests(self, run):
        done = run("app.many")

        texts = [record.body.string_value for record in done.records[1:]]
        assert texts == [str(number) for number in range(2000)]
        assert len([one for one in done.requests if one.path == "/v1/logs"]) < 500


class TestAProcessThatDies:
    """What was logged before has been sent."""

    def test_its_last_words_arrive(self, run):
        done = run(
            "app.dies", until=lambda all_of_them: len([r for r in all_of_them if r.log_records]) > 1
        )

        assert done.record("last words").span_id != b""


class TestAProviderOfTheFunction:
    """It gets everything, from when it is set."""

    def test_loggers_of_before_are_its_own_too(self, run):
        done = run("own.handler")

        assert done.outcome.body == b'["early", "late"]'
        assert [one.body.string_value for one in done.records] == ["too early"]
        assert done.stderr == ""

    def test_ours_may_be_it(self, run):
        done = run("app.sets_ours")

        assert [one.body.string_value for one in done.records][1:] == ["by ours", "too"]


class TestAllThatIsLogged:
    """On request, without a line of code."""

    def test_the_root_logger_exports(self, run):
        done = run("plain.handler", environ=ALL)

        texts = [record.body.string_value for record in done.records]
        assert texts[:2] == ["while it is loaded", "sold out"]
        assert done.record("sold out").trace_id == done.span("hello").trace_id

    def test_the_lines_are_as_they_were(self, run):
        done, without = run("plain.handler", environ=ALL), run("plain.handler")

        assert done.lines == without.lines == []

    def test_none_is_none(self, run):
        done = run("plain.handler", environ={**ALL, "OTEL_LOGS_EXPORTER": "none"})

        assert done.records == []

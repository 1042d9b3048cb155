"""The records of ``logging``, with the real module."""

from __future__ import annotations

import io
import logging

import pytest
from opentelemetry.trace import SpanContext, TraceFlags

from otel_layer.core.correlation import for_json, for_text
from otel_layer.edge.log import Log
from otel_layer.edge.log_records import Correlation, correlate, show_in_lines
from otel_layer.edge.shield import Shield

HERE = SpanContext(0xA, 0xB, is_remote=False, trace_flags=TraceFlags(1))
ELSEWHERE = SpanContext(0xC, 0xD, is_remote=False)


@pytest.fixture
def current():
    """The span contexts that are current, the last of them now."""
    return [HERE]


@pytest.fixture
def make_correlated(monkeypatch, current):
    """Correlate the records of this process until the test is over."""
    monkeypatch.setattr(logging.Logger, "makeRecord", logging.Logger.makeRecord)

    def make(*families):
        found = Correlation(lambda: current[-1], "shop", families)
        correlate(found, Shield(Log(as_json=False)))

    return make


@pytest.fixture
def records():
    """What a logger of its own makes."""
    made: list[logging.LogRecord] = []

    class Keeper(logging.Handler):
        def emit(self, record):
            made.append(record)

    LOGGER.addHandler(Keeper())
    yield made
    LOGGER.handlers.clear()


LOGGER = logging.Logger("the customer's")  # noqa: LOG001 - of no hierarchy: nobody else sees its records


class TestARecord:
    """Has the attributes of each family."""

    def test_it_has_those_of_the_current_span(self, make_correlated, records):
        make_correlated(for_text)

        LOGGER.warning("x")

        (record,) = records
        assert record.otelTraceID == f"{0xA:032x}"
        assert record.otelSpanID == f"{0xB:016x}"
        assert record.otelTraceSampled is True
        assert record.otelServiceName == "shop"

    def test_it_has_those_of_another_span_when_that_is_current(
        self, make_correlated, records, current
    ):
        make_correlated(for_json)

        for context in (HERE, ELSEWHERE, None, ELSEWHERE):
            current.append(context)
            LOGGER.warning("x")

        ids = [getattr(record, "trace_id", None) for record in records]
        assert ids == [f"{0xA:032x}", f"{0xC:032x}", None, f"{0xC:032x}"]

    def test_families_may_be_together(self, make_correlated, records):
        make_correlated(for_json, for_text)

        LOGGER.warning("x")

        assert records[0].trace_id == records[0].otelTraceID

    def test_where_it_was_made_is_the_caller_s_place(self, make_correlated, records):
        make_correlated(for_text)

        LOGGER.warning("x")

        assert (records[0].filename, records[0].funcName) == (
            "test_log_records.py",
            "test_where_it_was_made_is_the_caller_s_place",
        )


class TestWhatIsTheFunctionS:
    """Its own fields, factories and loggers work as ever."""

    def test_a_field_of_that_name_is_its_own_and_gets_no_company(self, make_correlated, records):
        make_correlated(for_json)

        LOGGER.warning("x", extra={"trace_id": "own"})

        assert records[0].trace_id == "own"
        assert not hasattr(records[0], "span_id")

    def test_a_factory_that_is_set_before_is_used(self, make_correlated, records, monkeypatch):
        class Record(logging.LogRecord):
            pass

        monkeypatch.setattr(logging, "_logRecordFactory", Record)
        make_correlated(for_text)
        LOGGER.warning("x")

        assert type(records[0]) is Record
        assert vars(records[0])["otelServiceName"] == "shop"

    def test_one_that_is_set_later_is_used_and_its_ids_stay(
        self, make_correlated, records, monkeypatch
    ):
        def factory(*args, **kwargs):
            record = logging.LogRecord(*args, **kwargs)
            record.otelTraceID = "of the instrumentor"
            return record

        make_correlated(for_text)
        monkeypatch.setattr(logging, "_logRecordFactory", factory)
        LOGGER.warning("x")

        assert records[0].otelTraceID == "of the instrumentor"
        assert not hasattr(records[0], "otelSpanID")

    def test_an_exception_of_its_factory_is_its_own(self, make_correlated, monkeypatch):
        def factory(*_args, **_kwargs):
            raise LookupError

        make_correlated(for_text)
        monkeypatch.setattr(logging, "_logRecordFactory", factory)

        with pytest.raises(LookupError):
            LOGGER.warning("x")

    def test_a_record_from_elsewhere_is_not_touched(self, make_correlated):
        make_correlated(for_text)

        assert not hasattr(logging.makeLogRecord({"msg": "x"}), "otelTraceID")

    def test_a_record_of_any_kind_is_put_up_with(
        self, make_correlated, records, monkeypatch, capfd
    ):
        class Slotted:
            __slots__ = ("levelno",)

            def __init__(self, *_args, **_kwargs):
                self.levelno = logging.WARNING

        make_correlated(for_text)
        monkeypatch.setattr(logging, "_logRecordFactory", Slotted)
        LOGGER.warning("x")
        LOGGER.warning("x")

        assert len(records) == 2
        assert capfd.readouterr().err.count("cannot add the trace to a log record") == 1


class TestLinesOfText:
    """Of the runtime's handlers."""

    @pytest.fixture
    def stream(self):
        return io.StringIO()

    @pytest.fixture
    def handler(self, stream):
        """One as the runtime's: what its filter adds, its format names."""

        class AddsRequestId(logging.Filter):
            def filter(self, record):
                record.aws_request_id = "request-1"
                return True

        handler = logging.StreamHandler(stream)
        handler.terminator = ""
        handler.setFormatter(
            logging.Formatter("%(asctime)s\t%(aws_request_id)s\t%(message)s\n", "then")
        )
        handler.addFilter(AddsRequestId())
        return handler

    def line(self, handler, stream):
        """What the handler writes of a record."""
        record = logging.makeLogRecord({"msg": "x", **for_text(0xA, 0xB, 1, "shop")})
        handler.handle(record)
        return stream.getvalue()

    def test_they_show_the_trace_before_the_message(self, handler, stream):
        show_in_lines([handler], "", Log(as_json=False))

        assert self.line(handler, stream) == (
            f"then\trequest-1\t[trace_id={0xA:032x} span_id={0xB:016x}"
            " resource.service.name=shop trace_sampled=True]\tx\n"
        )

    def test_a_record_without_a_trace_is_shown_all_the_same(self, handler, stream):
        show_in_lines([handler], "", Log(as_json=False))

        handler.handle(logging.makeLogRecord({"msg": "x", "otelTraceID": "own"}))

        assert "[trace_id=own span_id=0 " in stream.getvalue()

    def test_they_have_the_operator_s_format(self, handler, stream):
        show_in_lines([handler], "%(otelTraceID)s %(aws_request_id)s", Log(as_json=False))

        assert self.line(handler, stream) == f"{0xA:032x} request-1\n"

    @pytest.mark.parametrize(
        "configured", ["%(unknown)s", "%(message)", "no field", "%(otelTraceID)d", "%(msg)"]
    )
    def test_a_format_that_cannot_be_used_is_said_and_not_used(
        self, handler, stream, configured, capfd
    ):
        show_in_lines([handler], configured, Log(as_json=False))

        assert "[trace_id=" in self.line(handler, stream)
        assert f"OTEL_PYTHON_LOG_FORMAT={configured!r} cannot be used" in capfd.readouterr().err

    def test_a_handler_without_a_format_is_left_alone(self, handler):
        class Own(logging.Formatter):
            def __init__(self):
                pass

        own = Own()
        handler.setFormatter(own)
        bare = logging.StreamHandler(io.StringIO())

        show_in_lines([handler, bare], "", Log(as_json=False))

        assert handler.formatter is own
        assert bare.formatter is None

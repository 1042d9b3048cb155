"""The root span from the handler's call to the posted result, with the real SDK."""

from __future__ import annotations

import builtins
import concurrent.futures
import functools
import json
import sys
import traceback
import weakref
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from otel_layer.core.outcome import RESULT_BYTES_MAX
from otel_layer.edge.bootstrap import TracedHandler
from otel_layer.edge.invocation import Function, Invocations
from otel_layer.edge.local_exporter import invocation_id
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield


class LambdaContext:
    aws_request_id = "request-1"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:hello"

    def get_remaining_time_in_millis(self):
        return 3000


class RecordingExporter:
    """Remembers the roots it is told of, and which invocations have ended."""

    def __init__(self) -> None:
        self.roots: list[Any] = []
        self.ended: list[str] = []
        self.held: list[Any] = []
        self.is_held = True  # whether a provisional root is held, until the process ends

    def begin(self, _request_id, root):
        self.roots.append(root)
        return self.is_held

    def hold(self, root):
        self.held.append(root)

    def end(self, request_id):
        self.ended.append(request_id)


class RecordingTimer:
    """Remembers which invocations it watches, and how much time they had."""

    def __init__(self) -> None:
        self.watched: dict[str, float] = {}
        self.set_count = 0

    def set(self, request_id, remaining_s):
        self.watched[request_id] = remaining_s
        self.set_count += 1

    def unset(self, request_id):
        self.watched.pop(request_id, None)


@pytest.fixture
def exporter():
    return RecordingExporter()


@pytest.fixture
def timer():
    return RecordingTimer()


@pytest.fixture
def invocations(exporter, timer):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("tests")
    function = Function("hello", "1", "on-demand")
    made = Invocations(function, tracer, exporter, timer, Shield(Log(as_json=False)))
    made.ends_when_posted = True
    return made


def _fails():
    """Stand for a library."""
    key = "first"
    raise KeyError(key)


def _compiled(filename):
    """A function of a file of that name, that calls another one."""
    names: dict[str, Any] = {}
    exec(compile("def call(function):\n    function()\n", filename, "exec"), names)  # noqa: S102 - as above
    return names["call"]


class TestWhileTheHandlerRuns:
    """The root is the current span, and nothing of an earlier one is left."""

    def test_the_root_is_current(self, invocations, exporter):
        seen = []
        handler = TracedHandler(lambda *_: seen.append(trace.get_current_span()), invocations)

        handler({}, LambdaContext())

        assert seen == exporter.roots

    @pytest.mark.parametrize("fields", [{}, {"baggage": "a=b"}])
    def test_whatever_was_current_before_is_not_the_parent(self, invocations, exporter, fields):
        stranger = TracerProvider(shutdown_on_exit=False).get_tracer("x").start_span("stranger")
        before = propagate.get_global_textmap()
        token = context.attach(trace.set_span_in_context(stranger))
        try:
            propagate.set_global_textmap(CompositePropagator([]))
            TracedHandler(lambda *_: None, invocations)({"headers": fields}, LambdaContext())
        finally:
            propagate.set_global_textmap(before)
            context.detach(token)

        assert exporter.roots[0].parent is None

    @pytest.mark.parametrize("fails", [False, True])
    def test_afterwards_nothing_of_it_is_current(self, invocations, fails):
        def handler(event, _context):
            if fails:
                raise ValueError
            return event

        event = {"headers": {"baggage": "a=b"}}
        try:
            TracedHandler(handler, invocations)(event, LambdaContext())
        except ValueError:
            assert fails

        assert trace.get_current_span() is trace.INVALID_SPAN
        assert invocation_id.get() is None
        assert baggage.get_all() == {}


class TestWhatTheRunningCodeBelongsTo:
    """The current span; else the root of the only invocation there is."""

    def seen_on_a_thread(self, invocations):
        """What code belongs to on a thread that was started without a context."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(invocations.span_context).result()

    def test_it_is_the_current_span(self, invocations):
        tracer = trace.get_tracer("x", tracer_provider=TracerProvider(shutdown_on_exit=False))

        def handler(*_):
            with tracer.start_as_current_span("inner") as inner:
                return invocations.span_context(), inner.get_span_context()

        seen, inner = TracedHandler(handler, invocations)({}, LambdaContext())

        assert seen is inner

    def test_on_another_thread_it_is_the_root(self, invocations, exporter):
        handler = TracedHandler(lambda *_: self.seen_on_a_thread(invocations), invocations)

        seen = handler({}, LambdaContext())

        assert seen is exporter.roots[0].get_span_context()

    def test_of_several_invocations_it_is_none(self, invocations):
        class OtherContext(LambdaContext):
            aws_request_id = "request-2"

        inner = TracedHandler(lambda *_: self.seen_on_a_thread(invocations), invocations)
        outer = TracedHandler(lambda *_: inner({}, OtherContext()), invocations)

        assert outer({}, LambdaContext()) is None

    def test_after_an_invocation_it_is_none(self, invocations):
        TracedHandler(lambda *_: None, invocations)({}, LambdaContext())

        assert invocations.span_context() is None
        assert self.seen_on_a_thread(invocations) is None


class TestTheEnd:
    """When the runtime posts, if it can be seen; else when the handler is left."""

    def test_the_root_is_open_until_the_result_is_posted(self, invocations, exporter):
        TracedHandler(lambda *_: None, invocations)({}, LambdaContext())
        was_open = exporter.roots[0].is_recording() and not exporter.ended

        invocations.posted("request-1")

        assert was_open
        assert not exporter.roots[0].is_recording()
        assert exporter.ended == ["request-1"]

    def test_it_ends_once(self, invocations, exporter):
        TracedHandler(lambda *_: None, invocations)({}, LambdaContext())

        invocations.posted("request-1")
        invocations.posted("request-1")

        assert exporter.ended == ["request-1"]

    def test_where_posts_are_not_seen_it_ends_with_the_handler(self, invocations, exporter):
        invocations.ends_when_posted = False

        TracedHandler(lambda *_: None, invocations)({}, LambdaContext())

        assert exporter.ended == ["request-1"]

    def test_an_exception_of_the_handler_is_not_overwritten_by_what_is_posted(
        self, invocations, exporter
    ):
        def handler(*_):
            raise ValueError("x" * 3)

        with pytest.raises(ValueError, match="xxx"):
            TracedHandler(handler, invocations)({}, LambdaContext())
        invocations.posted("request-1", json.dumps({"errorType": "Other"}))

        assert exporter.roots[0].attributes["error.type"] == "ValueError"


class TestAnEndOfTheProcess:
    """It takes a while, and is part of the invocation: the collector sees the last of it."""

    def test_the_root_is_held_with_the_exception_that_ends_it(self, invocations, exporter):
        with pytest.raises(KeyboardInterrupt):
            TracedHandler(interrupted, invocations)({}, LambdaContext())

        started, held = exporter.roots
        assert held is started
        assert held.is_recording()
        assert (held.status.description, len(held.events)) == ("KeyboardInterrupt: now", 1)
        assert exporter.ended == ["request-1"]

    def test_without_anyone_who_holds_it_it_ends_with_the_handler(self, invocations, exporter):
        exporter.is_held = False

        with pytest.raises(KeyboardInterrupt):
            TracedHandler(interrupted, invocations)({}, LambdaContext())

        assert not exporter.roots[0].is_recording()
        assert exporter.ended == ["request-1"]

    def test_with_an_unknown_runtime_the_process_may_go_on(self, invocations, exporter):
        invocations.ends_when_posted = False

        with pytest.raises(KeyboardInterrupt):
            TracedHandler(interrupted, invocations)({}, LambdaContext())

        assert not exporter.roots[0].is_recording()

    def test_a_result_that_is_too_large_leads_to_it(self, invocations, exporter):
        TracedHandler(lambda *_: None, invocations)({}, LambdaContext())

        invocations.posted("request-1", result="x" * (RESULT_BYTES_MAX + 1))

        _, held = exporter.roots
        assert held.is_recording()
        assert held.attributes["error.type"] == "Function.ResponseSizeTooLarge"
        assert not held.status.is_ok
        assert exporter.ended == ["request-1"]

    def test_a_result_that_is_just_not_does_not(self, invocations, exporter):
        TracedHandler(lambda *_: None, invocations)({}, LambdaContext())

        invocations.posted("request-1", result="x" * RESULT_BYTES_MAX)

        (root,) = exporter.roots
        assert (root.is_recording(), root.status.is_unset) == (False, True)


def interrupted(*_):
    """A handler whose process is about to end."""
    message = "now"
    raise KeyboardInterrupt(message)


class TestAnInitialisationThatFails:
    """What is known of it is sent as the root of whichever invocation fails with it."""

    def test_it_is_open_and_has_the_exception(self, invocations, exporter):
        invocations.init_failed(LookupError("not there"))

        (root,) = exporter.held
        assert root.is_recording()
        assert (root.name, root.parent) == ("hello", None)
        assert root.status.description == "LookupError: not there"
        assert dict(root.attributes) == {"faas.coldstart": True, "error.type": "LookupError"}
        assert [event.attributes["exception.message"] for event in root.events] == ["not there"]

    def test_what_the_runtime_calls_it_and_the_customer_s_exception_are_both_told(
        self, invocations, exporter
    ):
        try:
            try:
                import not_packaged_at_all  # type: ignore[import-not-found]  # noqa: F401, PLC0415
            except ImportError:
                raise Fault  # noqa: B904  # as the runtime client does
        except Fault as fault:
            invocations.init_failed(fault)

        (root,) = exporter.held
        (event,) = root.events
        assert root.status.description == "Runtime.ImportModuleError: Unable to import"
        assert root.attributes["error.type"] == "Runtime.ImportModuleError"
        assert event.attributes["exception.type"] == "ModuleNotFoundError"

    def test_a_fault_of_the_runtime_s_own_is_the_exception(self, invocations, exporter):
        invocations.init_failed(Fault())

        (root,) = exporter.held
        assert root.events[0].attributes["exception.type"].endswith("Fault")


class Fault(Exception):  # noqa: N818  # as the runtime client's
    exception_type = "Runtime.ImportModuleError"
    msg = "Unable to import"


class TestTheDeadline:
    """Watched from the beginning to the end."""

    def test_it_is_watched_while_the_handler_runs(self, invocations, timer):
        seen = []
        handler = TracedHandler(lambda *_: seen.append(dict(timer.watched)), invocations)

        handler({}, LambdaContext())

        assert seen == [{"request-1": 3.0}]

    def test_it_is_until_the_result_is_posted(self, invocations, timer):
        TracedHandler(lambda *_: None, invocations)({}, LambdaContext())
        until_then = dict(timer.watched)

        invocations.posted("request-1")

        assert until_then == {"request-1": 3.0}
        assert timer.watched == {}

    def test_one_that_is_not_sampled_has_nothing_to_show(self, exporter, timer):
        tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("tests")
        shield = Shield(Log(as_json=False))
        function = Function("hello", "1", "on-demand")
        unsampled = Invocations(function, tracer, exporter, timer, shield)

        TracedHandler(lambda *_: None, unsampled)({}, LambdaContext())

        assert timer.set_count == 0

    def test_a_context_that_knows_no_time_has_none(self, invocations, timer, capfd):
        TracedHandler(lambda *_: None, invocations)({}, None)

        assert timer.set_count == 0
        assert capfd.readouterr().err == ""


class TestTheException:
    """The customer's, whatever it is."""

    def test_it_is_the_same_object(self, invocations):
        exception = ValueError("x")

        def handler(*_):
            raise exception

        with pytest.raises(ValueError, match="x") as caught:
            TracedHandler(handler, invocations)({}, LambdaContext())

        assert caught.value is exception
        assert exception.__cause__ is None
        assert exception.__context__ is None

    def test_one_whose_text_cannot_be_read_is_recorded_without(self, invocations, exporter, capfd):
        class UnreadableError(Exception):
            def __str__(self):
                raise RuntimeError

        def handler(*_):
            raise UnreadableError

        with pytest.raises(UnreadableError):
            TracedHandler(handler, invocations)({}, LambdaContext())

        root = exporter.roots[0]
        assert root.attributes["error.type"].endswith("UnreadableError")
        assert len(root.events) == 1
        assert "cannot read the text of the handler's exception" in capfd.readouterr().err

    @pytest.mark.parametrize("is_cause", [True, False], ids=["cause", "context"])
    def test_those_that_led_to_it_are_recorded_without_our_frames(
        self, invocations, exporter, is_cause
    ):
        instrumented = _compiled("/opentelemetry/instrumentation/x.py")

        second = ValueError("second")

        def handler(*_):
            try:
                instrumented(_fails)
            except LookupError as cause:
                if is_cause:
                    raise second from cause
                raise second  # noqa: B904 - as customers do

        with pytest.raises(ValueError, match="second"):
            TracedHandler(handler, invocations)({}, LambdaContext())

        stacktrace = exporter.roots[0].events[0].attributes["exception.stacktrace"]
        assert "KeyError: 'first'" in stacktrace
        assert "in _fails" in stacktrace
        assert "/opentelemetry/" not in stacktrace
        assert stacktrace.endswith("ValueError: second\n")

    @pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no groups of exceptions")
    def test_those_of_a_group_are_recorded_without_our_frames(self, invocations, exporter):
        instrumented = _compiled("/opentelemetry/instrumentation/x.py")
        group = functools.partial(vars(builtins)["ExceptionGroup"], "some")

        def handler(*_):
            try:
                instrumented(_fails)
            except LookupError as one:
                raise group([one]) from None

        with pytest.raises(Exception, match="some"):
            TracedHandler(handler, invocations)({}, LambdaContext())

        stacktrace = exporter.roots[0].events[0].attributes["exception.stacktrace"]
        assert "in _fails" in stacktrace
        assert "/opentelemetry/" not in stacktrace

    def test_one_whose_stack_cannot_be_read_is_recorded_without(
        self, invocations, exporter, monkeypatch, capfd
    ):
        monkeypatch.setattr(traceback, "TracebackException", None)

        def handler(*_):
            _fails()

        with pytest.raises(LookupError):
            TracedHandler(handler, invocations)({}, LambdaContext())
        monkeypatch.undo()

        recorded = exporter.roots[0].events[0].attributes
        assert recorded["exception.message"] == "'first'"
        assert recorded["exception.stacktrace"] == ""
        assert "cannot read the stack of the handler's exception" in capfd.readouterr().err

    def test_a_deep_one_is_recorded_from_both_ends(self, invocations, exporter):
        def handler(depth, _):
            return odd(depth)

        def odd(depth):
            return even(depth - 1)

        def even(depth):
            return odd(depth - 1) if depth > 0 else _fails()

        with pytest.raises(LookupError):
            TracedHandler(handler, invocations)(400, LambdaContext())

        stacktrace = exporter.roots[0].events[0].attributes["exception.stacktrace"]
        assert "in handler" in stacktrace
        assert "more characters] …\n" in stacktrace
        assert "in _fails" in stacktrace
        assert stacktrace.endswith("KeyError: 'first'\n")
        assert len(stacktrace) < 16_500

    def test_a_long_text_is_recorded_in_part(self, invocations, exporter):
        exception = ValueError("x" * 1_000_000)

        def handler(*_):
            raise exception

        with pytest.raises(ValueError, match="xxx"):
            TracedHandler(handler, invocations)({}, LambdaContext())

        root = exporter.roots[0]
        recorded = root.events[0].attributes
        assert recorded["exception.message"] == "x" * 16_384 + "… [983616 more characters]"
        assert 2048 < len(recorded["exception.stacktrace"]) < 3000
        assert recorded["exception.stacktrace"].startswith("Traceback (most recent call last):")
        assert 1024 < len(root.status.description) < 1100
        assert root.status.description.startswith("ValueError: xxx")
        assert len(str(exception)) == 1_000_000


HTTP_EVENT = {"version": "2.0", "requestContext": {"http": {"method": "GET"}}}
FAILED = {"statusCode": 503}


class TestTheResult:
    """A failure that is no exception is the root's all the same."""

    def test_a_failure_is_an_error_once_it_is_posted(self, invocations, exporter):
        TracedHandler(lambda *_: FAILED, invocations)(HTTP_EVENT, LambdaContext())
        invocations.posted("request-1")

        root = exporter.roots[0]
        assert (root.status.status_code, root.status.description) == (StatusCode.ERROR, None)
        assert root.attributes["http.response.status_code"] == 503
        assert root.attributes["error.type"] == "503"
        assert root.events == ()

    def test_where_posts_are_not_seen_it_is_one_when_the_handler_returns(
        self, invocations, exporter
    ):
        invocations.ends_when_posted = False

        TracedHandler(lambda *_: FAILED, invocations)(HTTP_EVENT, LambdaContext())

        assert exporter.roots[0].attributes["error.type"] == "503"

    def test_one_that_cannot_be_posted_is_not_what_the_caller_got(self, invocations, exporter):
        TracedHandler(lambda *_: FAILED, invocations)(HTTP_EVENT, LambdaContext())
        invocations.posted("request-1", json.dumps({"errorType": "Runtime.MarshalError"}))

        root = exporter.roots[0]
        assert root.attributes["error.type"] == "Runtime.MarshalError"
        assert "http.response.status_code" not in root.attributes

    def test_one_that_lambda_will_not_take_is_not_either(self, invocations, exporter):
        TracedHandler(lambda *_: FAILED, invocations)(HTTP_EVENT, LambdaContext())
        invocations.posted("request-1", result="x" * (RESULT_BYTES_MAX + 1))

        root = exporter.roots[0]
        assert root.attributes["error.type"] == "Function.ResponseSizeTooLarge"
        assert "http.response.status_code" not in root.attributes

    def test_it_is_read_by_the_event_as_it_came(self, invocations, exporter):
        event: dict[str, Any] = dict(HTTP_EVENT)

        def handler(event, _context):
            event.clear()
            return FAILED

        TracedHandler(handler, invocations)(event, LambdaContext())
        invocations.posted("request-1")

        assert exporter.roots[0].attributes["error.type"] == "503"

    def test_what_the_customer_has_said_of_the_failure_stays(self, invocations, exporter):
        def handler(*_):
            root = trace.get_current_span()
            root.set_status(StatusCode.ERROR, "the database is away")
            root.set_attribute("error.type", "DatabaseError")
            return FAILED

        TracedHandler(handler, invocations)(HTTP_EVENT, LambdaContext())
        invocations.posted("request-1")

        root = exporter.roots[0]
        assert root.status.description == "the database is away"
        assert root.attributes["error.type"] == "DatabaseError"
        assert root.attributes["http.response.status_code"] == 503

    def test_what_the_customer_calls_fine_is_fine(self, invocations, exporter):
        def handler(*_):
            trace.get_current_span().set_status(StatusCode.OK)
            return FAILED

        TracedHandler(handler, invocations)(HTTP_EVENT, LambdaContext())
        invocations.posted("request-1")

        assert exporter.roots[0].status.status_code is StatusCode.OK
        assert "error.type" not in exporter.roots[0].attributes

    def test_it_is_the_same_object_and_not_kept(self, invocations):
        class Result(dict[str, int]):
            pass

        result = Result(FAILED)
        reference = weakref.ref(result)
        handler = TracedHandler(lambda event, _: event["result"], invocations)

        event = {**HTTP_EVENT, "result": result}
        assert handler(event, LambdaContext()) is result
        assert result == FAILED
        del result, event
        assert reference() is None

    def test_a_root_that_is_not_recorded_has_nothing_to_say(self, exporter, timer):
        tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("tests")
        shield = Shield(Log(as_json=False))
        unsampled = Invocations(
            Function("hello", "1", "on-demand"), tracer, exporter, timer, shield
        )

        assert TracedHandler(lambda *_: FAILED, unsampled)(HTTP_EVENT, LambdaContext()) is FAILED

        assert exporter.ended == ["request-1"]


class TestFaultsOfOurs:
    """The handler is called all the same."""

    def test_an_exporter_that_breaks_costs_its_part(self, invocations, exporter, capfd):
        exporter.begin = exporter.end = None

        assert TracedHandler(lambda event, _: event, invocations)(7, LambdaContext()) == 7
        invocations.posted("request-1")

        assert capfd.readouterr().err.count("otel-layer: cannot ") == 2

    def test_a_lambda_context_of_any_kind_is_put_up_with(self, invocations):
        assert TracedHandler(lambda event, _: event, invocations)(7, None) == 7
        invocations.posted("")

    def test_a_root_that_cannot_be_started_is_gone_without(self, invocations, capfd):
        invocations._tracer = None

        assert TracedHandler(lambda event, _: event, invocations)(7, LambdaContext()) == 7

        assert "cannot start the root span" in capfd.readouterr().err

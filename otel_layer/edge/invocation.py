"""Invocations, from the call of the handler to the result that the runtime posts.

Nothing here calls the customer's code, and nothing here raises.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import propagate
from opentelemetry.context.context import Context
from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)

import otel_layer
from otel_layer.core import outcome, root_span, stack, trigger
from otel_layer.core.verdict import Verdict, judge
from otel_layer.edge.deadline_timer import DeadlineTimer
from otel_layer.edge.local_exporter import LocalExporter, invocation_id
from otel_layer.edge.shield import Shield

if TYPE_CHECKING:
    from contextvars import Token

PACKAGE_FOLDER = f"{otel_layer.__path__[0]}/"

_CONSEQUENCE = "the invocation goes on, its trace is incomplete"


class Function:
    """What is the same for all invocations of this environment."""

    __slots__ = ("initialization_type", "name", "version")

    def __init__(self, name: str, version: str, initialization_type: str) -> None:
        self.name = name
        self.version = version
        self.initialization_type = initialization_type


class Invocation:
    """One run of the handler: its root span, and what has to be undone after it."""

    __slots__ = (
        "has_failed",
        "id_token",
        "otel_token",
        "request_id",
        "response_format",
        "root",
        "verdict",
    )

    def __init__(self, request_id: str, root: Span, response_format: str | None) -> None:
        self.request_id = request_id
        self.root = root
        self.response_format = response_format
        self.verdict: Verdict | None = None
        self.has_failed = False
        self.otel_token: Token[Context] | None = None
        self.id_token: Token[str | None] | None = None


class Invocations:
    """Starts and ends the root span of each invocation."""

    def __init__(
        self,
        function: Function,
        tracer: Tracer,
        exporter: LocalExporter,
        timer: DeadlineTimer,
        shield: Shield,
    ) -> None:
        """Prepare for the first invocation.

        ``ends_when_posted`` is set by whoever sees what the runtime posts: then ``posted``
        is called after ``returned`` and ``raised``, and the root ends there.
        """
        self.ends_when_posted = False
        self._function = function
        self._tracer = tracer
        self._exporter = exporter
        self._timer = timer
        self._shield = shield
        self._is_first = True
        self._running: dict[str, Invocation] = {}
        self._unposted: dict[str, Invocation] = {}

    def init_failed(self, exception: BaseException) -> None:
        """Tell why there will be no invocation in this process; the exception is not touched.

        One that fails with it has this root: the collector, who will know which, adds the rest.
        """
        with self._shield("tell why the initialisation failed", "its trace does not say it"):
            coldstart = root_span.is_cold_start(self._function.initialization_type, first=True)
            name = self._function.name or "handler"
            root = self._tracer.start_span(
                name, Context(), SpanKind.SERVER, {"faas.coldstart": coldstart}
            )
            fault = outcome.runtime_fault(exception)
            # The customer's exception, where the runtime reports it in words of its own.
            self._record(root, (fault and exception.__context__) or exception)
            if fault is not None:
                _fail(root, *fault)
            if root.get_span_context().trace_flags.sampled:
                self._exporter.hold(root)  # type: ignore[arg-type]  # a sampled span is the SDK's

    def span_context(self) -> SpanContext | None:
        """Return the context of the span that the running code belongs to.

        Threads are mostly started without the context of the invocation: on them it is the
        root of the only one there is.
        """
        context = get_current_span().get_span_context()
        if context.is_valid:
            return context
        running = list(self._running.values())
        return running[0].root.get_span_context() if len(running) == 1 else None

    def begin(self, event: object, lambda_context: Any) -> Invocation | None:  # noqa: ANN401  # the customer may call with anything
        """Start the root span and make it the current one.

        Afterwards: call ``returned`` or ``raised``, once, in the same thread.
        """
        with self._shield("start the root span", _CONSEQUENCE):
            request_id = str(getattr(lambda_context, "aws_request_id", ""))
            parent = self._parent(event, lambda_context)
            invocation = self._open(event, lambda_context, request_id, parent)
            invocation.id_token = invocation_id.set(request_id)
            current = set_span_in_context(invocation.root, parent)
            invocation.otel_token = otel_context.attach(current)
            self._running[request_id] = invocation
            return invocation
        return None

    def returned(self, invocation: Invocation | None, result: object) -> None:
        """Take note of what the handler returned; it is not touched, and not kept."""
        if invocation is not None:
            with self._shield("judge the handler's result", _CONSEQUENCE):
                invocation.verdict = judge(invocation.response_format, result)
            with self._shield("leave the root span", _CONSEQUENCE):
                self._leave(invocation, is_over=not self.ends_when_posted)

    def raised(self, invocation: Invocation | None, exception: BaseException) -> None:
        """Take note of the exception that left the handler; it is not touched.

        What is no ``Exception`` ends the process, where the runtime is known: nothing will be
        posted.
        """
        if invocation is None:
            return
        invocation.has_failed = True
        with self._shield("record the handler's exception", _CONSEQUENCE):
            self._record(invocation.root, exception)
        with self._shield("leave the root span", _CONSEQUENCE):
            self._leave(invocation, is_over=not self.ends_when_posted)
            if self.ends_when_posted and not isinstance(exception, Exception):
                self._end_with_process(self._unposted.pop(invocation.request_id))

    def posted(self, request_id: str, error: object = None, *, result: object = None) -> None:
        """End the root span: the runtime is about to post the result, or an error.

        Args:
            request_id: Of the invocation.
            error: The error's JSON text; None for a result.
            result: The result's; None for an error.
        """
        with self._shield("end the root span", _CONSEQUENCE):
            invocation = self._unposted.pop(request_id, None)
            if invocation is None and error is not None:
                # The handler was not called: its event could not be read.
                invocation = self._open(None, None, request_id, Context())
            if invocation is None:
                return
            if error is not None and not invocation.has_failed:
                kind, message = outcome.posted_error(error)
                _fail(invocation.root, kind, message)
                invocation.has_failed = True
            if outcome.is_too_large(result):
                limit = f"the result has more than {outcome.RESULT_BYTES_MAX} bytes"
                _fail(invocation.root, outcome.TOO_LARGE, limit)
                invocation.has_failed = True
                self._end_with_process(invocation)
            else:
                self._end(invocation)

    def _parent(self, event: object, lambda_context: Any) -> Context:  # noqa: ANN401  # as in begin
        w3c = getattr(lambda_context, "w3c", None)
        custom = getattr(getattr(lambda_context, "client_context", None), "custom", None)
        contexts = (w3c() if callable(w3c) else None, custom)
        fields = propagate.get_global_textmap().fields
        return propagate.extract(trigger.carrier(event, contexts, fields), Context())

    def _open(
        self,
        event: object,
        lambda_context: Any,  # noqa: ANN401  # as in begin
        request_id: str,
        parent: Context,
    ) -> Invocation:
        coldstart = root_span.is_cold_start(
            self._function.initialization_type, first=self._is_first
        )
        self._is_first = False
        arn = getattr(lambda_context, "invoked_function_arn", None)
        attributes: dict[str, str | bool] = root_span.attributes(
            request_id, arn, self._function.version, coldstart=coldstart
        )
        triggered_by = trigger.trigger(event)
        if triggered_by is not None:
            attributes["faas.trigger"] = triggered_by
        name = self._function.name or str(getattr(lambda_context, "function_name", "handler"))
        root = self._tracer.start_span(name, parent, SpanKind.SERVER, attributes)
        with self._shield("announce the invocation", _CONSEQUENCE):
            self._announce(request_id, root)
            if root.get_span_context().trace_flags.sampled:
                self._watch(request_id, lambda_context)
        # Now: the handler may change the event.
        return Invocation(request_id, root, trigger.response_format(event))

    def _announce(self, request_id: str, root: Span) -> bool:
        is_sampled = root.get_span_context().trace_flags.sampled
        return self._exporter.begin(request_id, root if is_sampled else None)  # type: ignore[arg-type]  # a sampled span is the SDK's

    def _watch(self, request_id: str, lambda_context: Any) -> None:  # noqa: ANN401  # as in begin
        remaining_ms = getattr(lambda_context, "get_remaining_time_in_millis", None)
        if callable(remaining_ms):
            self._timer.set(request_id, remaining_ms() / 1000)

    def _leave(self, invocation: Invocation, *, is_over: bool) -> None:
        self._running.pop(invocation.request_id, None)
        if invocation.otel_token is not None:
            otel_context.detach(invocation.otel_token)
        if invocation.id_token is not None:
            invocation_id.reset(invocation.id_token)
        if is_over:
            self._end(invocation)
        else:
            self._unposted[invocation.request_id] = invocation

    def _record(self, root: Span, exception: BaseException) -> None:
        kind, message, stacktrace = outcome.error_type(exception), "", ""
        with self._shield("read the text of the handler's exception", "it is left out"):
            message = outcome.cut([str(exception)], outcome.TEXT_CHARACTERS_MAX)
        _fail(root, kind, message)
        with self._shield("read the stack of the handler's exception", "it is left out"):
            stacktrace = _stacktrace(exception)
        root.add_event("exception", outcome.exception_event(kind, message, stacktrace))

    def _end(self, invocation: Invocation) -> None:
        self._timer.unset(invocation.request_id)
        # A result that could not be posted is not what the caller got.
        if invocation.verdict is not None and not invocation.has_failed:
            with self._shield("describe the handler's result", _CONSEQUENCE):
                _describe(invocation.root, invocation.verdict)
        invocation.root.end()
        self._exporter.end(invocation.request_id)

    def _end_with_process(self, invocation: Invocation) -> None:
        self._timer.unset(invocation.request_id)
        # To end takes an interpreter tens of milliseconds, and is part of the invocation. So
        # what is known by now goes to the collector as the provisional root, for it to end.
        if not self._announce(invocation.request_id, invocation.root):
            invocation.root.end()
        self._exporter.end(invocation.request_id)


def _stacktrace(exception: BaseException) -> str:
    described = traceback.TracebackException.from_exception(exception)
    # Those that led to it as well: what a library raised has often passed an instrumentor.
    linked = [described]
    while linked:
        one = linked.pop()
        frames: Mapping[int, traceback.FrameSummary] = dict(enumerate(one.stack))
        filenames = [frame.filename for frame in frames.values()]
        one.stack[:] = [frames[i] for i in stack.kept(filenames, PACKAGE_FOLDER)]
        linked += filter(None, (one.__cause__, one.__context__))
        linked += getattr(one, "exceptions", None) or ()  # of a group, since Python 3.11
    return outcome.cut_middle(described.format(), outcome.TEXT_CHARACTERS_MAX)


def _describe(root: Span, verdict: Verdict) -> None:
    """Put a verdict on the span, after whatever the customer's code has said on it."""
    root.set_attributes(verdict.attributes)
    status = getattr(root, "status", None)  # the SDK's spans have one
    said = status.status_code if status else StatusCode.UNSET
    if not verdict.error_type or said is StatusCode.OK:
        return
    if "error.type" not in (getattr(root, "attributes", None) or ()):
        root.set_attribute("error.type", verdict.error_type)
    if said is StatusCode.UNSET:
        root.set_status(Status(StatusCode.ERROR, verdict.description))


def _fail(root: Span, kind: str, message: str) -> None:
    root.set_attribute("error.type", kind)
    description = outcome.cut([kind, ": ", message], outcome.STATUS_CHARACTERS_MAX)
    root.set_status(Status(StatusCode.ERROR, description))

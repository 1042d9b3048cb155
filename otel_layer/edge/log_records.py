"""Gives the records of ``logging`` the ids of the trace they belong to.

Source: https://docs.python.org/3/library/logging.html
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from otel_layer.core import correlation
from otel_layer.edge.log import Log
from otel_layer.edge.shield import Shield

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

Attributes = Callable[..., dict[str, object]]


class Correlation:
    """The attributes for the records of this process."""

    def __init__(
        self,
        span_context: Callable[[], SpanContext | None],
        service_name: str,
        families: Iterable[Attributes],
    ) -> None:
        """Prepare.

        Args:
            span_context: Returns that of the span that a record belongs to.
            service_name: Who writes the records.
            families: Functions of ``core/correlation.py``.
        """
        self._span_context = span_context
        self._service_name = service_name
        self._families = tuple(families)
        # Of the span before, and its attributes. Exchanged as one: other threads write, too.
        self._latest: tuple[SpanContext | None, dict[str, object]] = (None, self._made(None))

    def add_to(self, record: logging.LogRecord) -> None:
        """Give a record its attributes.

        One that has any of them already, by the function's own ``extra`` or factory, is left as
        it is: ids of two sources do not belong together.
        """
        context = self._span_context()
        latest, attributes = self._latest
        if context is not latest:
            attributes = self._made(context)
            self._latest = (context, attributes)
        present = record.__dict__
        if present.keys().isdisjoint(attributes):
            present.update(attributes)

    def _made(self, context: SpanContext | None) -> dict[str, object]:
        span = correlation.NO_SPAN
        if context is not None:
            span = (context.trace_id, context.span_id, context.trace_flags)
        made: dict[str, object] = {}
        for family in self._families:
            made.update(family(*span, self._service_name))
        return made


def correlate(found: Correlation, shield: Shield) -> None:
    """Add the attributes to each record that is made from now on.

    Not by a factory of records: what is on a record when the factory returns, the caller must
    not pass as ``extra`` (``KeyError``), and ``trace_id`` is what callers pass. Here ``extra``
    has been seen to, and a factory of the function's, whenever it is set, has done its part.
    """
    make_record: Callable[..., logging.LogRecord] = logging.Logger.makeRecord
    shielded = shield("add the trace to a log record", "it has no trace id")

    @functools.wraps(make_record)
    def make_correlated(*args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401  # its own
        record = make_record(*args, **kwargs)
        with shielded:
            found.add_to(record)
        return record

    logging.Logger.makeRecord = make_correlated  # type: ignore[method-assign]  # the hook


def show_in_lines(handlers: Iterable[logging.Handler], configured: str, log: Log) -> None:
    """Have the runtime's handlers show the trace in each line of text.

    Args:
        handlers: The runtime's, in its text format. Those of the function are its own affair.
        configured: The operator's own format, or empty.
        log: For one that cannot be used.
    """
    for handler in handlers:
        formatter = handler.formatter
        present = getattr(formatter, "_fmt", None)
        if formatter is None or not isinstance(present, str):
            continue
        chosen = _formatter(correlation.text_format(present, ""), formatter.datefmt)
        if configured:
            try:
                # Tried on a record: one that names what no record has would fail every line,
                # and the runtime's handlers raise that in the function's code.
                own = _formatter(correlation.text_format(present, configured))
                own.format(_sample(handler))
            except (ArithmeticError, LookupError, TypeError, ValueError) as fault:
                log.say(
                    f"OTEL_PYTHON_LOG_FORMAT={configured!r} cannot be used:"
                    f" {type(fault).__name__}: {fault}; using the default"
                )
            else:
                chosen = own
        handler.setFormatter(chosen)


def _formatter(text: str, datefmt: str | None = None) -> logging.Formatter:
    # Not all records come by ``makeRecord``, and some have ids of their own.
    without_a_span = correlation.for_text(*correlation.NO_SPAN, "")
    return logging.Formatter(text, datefmt, defaults=without_a_span)


def _sample(handler: logging.Handler) -> logging.LogRecord:
    record = logging.makeLogRecord({"msg": ""})
    handler.filter(record)  # adds the runtime's own attributes
    return record

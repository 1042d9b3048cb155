"""The processor ``probabilistic_sampler``: keep a rate of the traces, and of the logs.

What is kept says how much it stands for: a span in its ``tracestate``, a log record in its
attributes ``sampling.threshold`` and ``sampling.randomness``.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/probabilisticsamplerprocessor
"""

from __future__ import annotations

from collector_ext.core.config.kinds import FLAG, INTEGER, NUMBER, TEXT, Key, one_of
from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.processors.any_value import as_text, field, text, write
from collector_ext.core.processors.otlp_edit import (
    ITEM_ATTRIBUTES,
    Attributes,
    edit_items,
    last_content,
    without_field,
)
from collector_ext.core.processors.probability import (
    DIGITS_MAX,
    TraceState,
    hashed_randomness,
    hashed_threshold,
    probability_of,
    randomness_of,
    threshold,
    threshold_of,
    threshold_text,
    trace_randomness,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from collector_ext.core.config.section import Section
    from collector_ext.core.otlp import Signal

_HASH_SEED, _PROPORTIONAL, _EQUALIZING = "hash_seed", "proportional", "equalizing"
KEYS = (
    Key("sampling_percentage", NUMBER, None, "how much is kept: 0 nothing, 100 everything"),
    Key(
        "mode",
        one_of(_HASH_SEED, _PROPORTIONAL, _EQUALIZING),
        _HASH_SEED,
        "how: by a hash of the trace id; by its last 56 bits, a rate of what comes; by them, a "
        "rate of what there was before others sampled it",
    ),
    Key("hash_seed", INTEGER, 0, "alike for all who are to keep the same traces"),
    Key(
        "fail_closed",
        FLAG,
        default=True,
        meaning="whether what has no number to sample it by is dropped",
    ),
    Key("sampling_precision", INTEGER, 4, "hexadecimal digits of the threshold, 1 to 14"),
    Key(
        "attribute_source",
        one_of("traceID", "record"),
        "traceID",
        "whether log records are sampled by their trace or by from_attribute",
    ),
    Key("from_attribute", TEXT, "", "of a log record, for those that have no trace"),
    Key("sampling_priority", TEXT, "", "attribute of a log record that holds its own percentage"),
)

_SPAN_TRACE_ID, _TRACE_STATE = 1, 3
_RECORD_TRACE_ID = 9
_PRIORITY = "sampling.priority"
_RECORD_MARKS = {"th": "sampling.threshold", "rv": "sampling.randomness"}


def read(section: Section) -> ProbabilisticSampler | None:
    """Return the processor; ``None`` if it is not known what to keep."""
    values = section.read(KEYS)
    percentage = values["sampling_percentage"]
    if percentage is None or percentage < 0:
        section.complain(
            "has no percentage of 0 or more; everything is kept", "sampling_percentage"
        )
        return None
    if not 1 <= values["sampling_precision"] <= DIGITS_MAX:
        section.complain(f"is not from 1 to {DIGITS_MAX}; using 4", "sampling_precision")
        values["sampling_precision"] = 4
    if not 0 <= values["hash_seed"] < 1 << 32:
        section.complain("is not of 32 bits; using 0", "hash_seed")
        values["hash_seed"] = 0
    return ProbabilisticSampler(values)


class ProbabilisticSampler:
    """Keep a rate of spans and log records, all those of a trace or none.

    Args:
        values: Of ``KEYS``.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._mode = values["mode"]
        self._percentage: float = values["sampling_percentage"]
        self._digits: int = values["sampling_precision"]
        self._seed: int = values["hash_seed"]
        self._is_closed: bool = values["fail_closed"]
        self._by_trace = values["attribute_source"] == "traceID"
        self._from_attribute: str = values["from_attribute"]
        self._priority: str = values["sampling_priority"]

    def process(self, signal: Signal, body: bytes) -> bytes:
        """Return the request without what is not kept."""
        if signal == METRICS:
            return body
        edit = self._edit_span if signal == TRACES else self._edit_record
        return edit_items(body, lambda _resource, _scope, item: edit(item))

    def _edit_span(self, span: bytes) -> bytes | None:
        priority = _number(Attributes(span, ITEM_ATTRIBUTES[TRACES]).value(_PRIORITY))
        if priority == 0:
            return None
        percentage = 100.0 if priority is not None and priority > 0 else self._percentage
        state = TraceState(text(last_content(span, _TRACE_STATE)))
        trace_id = last_content(span, _SPAN_TRACE_ID)
        before = {name: value for name, value in state.fields.items() if name in _RECORD_MARKS}
        after = self._sampled(before, trace_id, None, percentage)
        if after is None or after == before:
            return None if after is None else span
        state.fields = {**state.fields, **after}
        written = field(_TRACE_STATE, state.text().encode("utf-8", "surrogateescape"))
        return without_field(span, _TRACE_STATE) + written

    def _edit_record(self, record: bytes) -> bytes | None:
        attributes = Attributes(record, ITEM_ATTRIBUTES[LOGS])
        percentage = _number(attributes.value(self._priority)) if self._priority else None
        percentage = self._percentage if percentage is None else percentage
        before = {
            name: value
            for name, key in _RECORD_MARKS.items()
            if isinstance(value := attributes.value(key), str)
        }
        trace_id = last_content(record, _RECORD_TRACE_ID) if self._by_trace else b""
        after = self._sampled(before, trace_id, self._attribute(attributes), percentage)
        if after is None:
            return None
        for name, value in after.items():
            attributes.put(_RECORD_MARKS[name], write(value))
        return attributes.message()

    def _attribute(self, attributes: Attributes) -> bytes | None:
        value = attributes.value(self._from_attribute) if self._from_attribute else None
        content = value if isinstance(value, bytes) else as_text(value).encode("utf-8", "replace")
        return content or None

    def _sampled(
        self, marks: dict[str, str], trace_id: bytes, otherwise: bytes | None, percentage: float
    ) -> dict[str, str] | None:
        """Decide on one item.

        Args:
            marks: What it says of earlier sampling: ``th`` and ``rv``, where it does.
            trace_id: Of it; empty or zeros for none.
            otherwise: What it is sampled by without a trace; ``None`` for nothing.
            percentage: How much of its kind is kept.

        Returns:
            What it is to say; ``None`` if it is not kept.
        """
        randomness, marked = self._randomness(marks, trace_id, otherwise)
        if percentage <= 0 or (randomness is None and self._is_closed):
            return None
        if randomness is None:
            return marks
        if self._mode == _HASH_SEED:
            wanted = hashed_threshold(percentage)
            # Marks that are there are of other numbers: they stay as they are.
            after = marks or {"th": threshold_text(wanted), **marked}
            return after if randomness >= wanted else None
        before = threshold_of(marks.get("th", "")) or 0
        if before > randomness:  # It should not be here.
            return None if self._is_closed else marks
        earlier = probability_of(before) if self._mode == _PROPORTIONAL else 1.0
        wanted = max(before, threshold(min(percentage, 100) / 100 * earlier, self._digits))
        return {**marks, "th": threshold_text(wanted), **marked} if randomness >= wanted else None

    def _randomness(
        self, marks: dict[str, str], trace_id: bytes, otherwise: bytes | None
    ) -> tuple[int | None, dict[str, str]]:
        """Return the random number, and the mark that says it if the trace id does not."""
        given = randomness_of(marks.get("rv", ""))
        is_hashed = self._mode == _HASH_SEED
        if given is not None and not is_hashed:
            return given, {}
        if any(trace_id) and not is_hashed:
            return trace_randomness(trace_id), {}
        source = trace_id if any(trace_id) else otherwise
        if source is None:
            return None, {}
        found = hashed_randomness(source, self._seed)
        return found, {"rv": f"{found:014x}"}


def _number(value: object) -> float | None:
    """Return a number, also from its text; ``None`` for what is none."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return None
    return None

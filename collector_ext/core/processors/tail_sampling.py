"""The processor ``tail_sampling``: keep whole traces, or what is here of them, or nothing.

A body is all that an invocation sent, so a decision needs no waiting and is about all local
spans of the trace. What other services add to the trace is not known here.

Meanings: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/tailsamplingprocessor
"""

from __future__ import annotations

from collector_ext.core.config.kinds import (
    ANYTHING,
    DURATION,
    FLAG,
    NUMBER,
    TEXT,
    Key,
    mapping,
    mappings,
)
from collector_ext.core.config.node import NOTHING
from collector_ext.core.config.section import Section
from collector_ext.core.otlp import TRACES
from collector_ext.core.processors.otlp_edit import edit_items, last_content
from collector_ext.core.processors.policies import (
    DROPPED,
    INVERT_NOT_SAMPLED,
    INVERT_SAMPLED,
    NOT_SAMPLED,
    SAMPLED,
    SIMPLE,
    Trace,
)
from collector_ext.core.wire import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from collector_ext.core.otlp import Signal
    from collector_ext.core.processors.policies import Policy

_TRACE_ID = 1  # of a span
_LIMITS = ("rate_limiting", "bytes_limiting")
_SIMPLE_KEYS = (
    Key("name", TEXT, "", "for people"),
    Key("type", TEXT, "", f"what decides: {', '.join(SIMPLE)}, and, drop, composite"),
    *(
        Key(name, mapping(keys), None, f"what {name} needs")
        for name, (keys, _) in SIMPLE.items()
        if keys
    ),
    *(
        Key(name, ANYTHING, None, "limits of a rate are not kept here: it keeps all it is for")
        for name in _LIMITS
    ),
)
_COMBINED_KEYS = {
    "and": (Key("and_sub_policy", mappings(_SIMPLE_KEYS), (), "all of which keep it"),),
    "drop": (Key("drop_sub_policy", mappings(_SIMPLE_KEYS), (), "all of which would keep it"),),
    "composite": (
        Key("composite_sub_policy", mappings(_SIMPLE_KEYS), (), "any of which keeps it"),
        Key("policy_order", ANYTHING, None, "without effect: no rate runs out"),
        Key("rate_allocation", ANYTHING, None, "without effect: rates are not kept here"),
        Key("max_total_spans_per_second", ANYTHING, None, "without effect, as those"),
    ),
}
POLICY_KEYS = (
    *_SIMPLE_KEYS,
    Key("and", mapping(_COMBINED_KEYS["and"]), None, "keeps what all of its policies keep"),
    Key("drop", mapping(_COMBINED_KEYS["drop"]), None, "drops what all of its policies keep"),
    Key("composite", mapping(_COMBINED_KEYS["composite"]), None, "keeps what any of them keeps"),
)
"""Those inside another have the same keys: the documentation shows them one level deep."""

KEEP_KEYS = (
    Key("errors", FLAG, default=True, meaning="traces in which a span has the status ERROR"),
    Key("slower_than", DURATION, None, "traces that take at least this long"),
    Key("cold_starts", FLAG, default=True, meaning="traces of a cold start (faas.coldstart)"),
    Key("percentage", NUMBER, 0.0, "of the rest"),
)

_WAITS_FOR_NOTHING = "without effect: an invocation is complete when it is processed"
KEYS = (
    Key("policies", mappings(POLICY_KEYS), (), "what decides which traces are kept"),
    Key(
        "keep",
        mapping(KEEP_KEYS),
        None,
        "the usual policies in short, which only this collector has: errors, slow ones, cold "
        "starts, and a rate of the rest",
    ),
    *(
        Key(name, ANYTHING, None, _WAITS_FOR_NOTHING)
        for name in (
            "decision_wait",
            "decision_wait_after_root_received",
            "num_traces",
            "expected_new_traces_per_sec",
            "decision_cache",
            "sample_on_first_match",
            "block_on_overflow",
            "drop_pending_traces_on_shutdown",
        )
    ),
)


def read(section: Section) -> TailSamplingProcessor | None:
    """Return the processor; ``None`` if nothing decides, and so everything is kept."""
    values = section.read(KEYS)
    policies = [_read_policy(policy) for policy in values["policies"]]
    if values["keep"] is not None:
        policies += _keep(values["keep"])
    usable = [policy for policy in policies if policy is not None]
    if not usable:
        section.complain("has no policies that can be used; every trace is kept")
        return None
    return TailSamplingProcessor(usable)


def _keep(section: Section) -> list[Policy | None]:
    values = section.read(KEEP_KEYS)
    slower_than = values["slower_than"]
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("probabilistic", {"sampling_percentage": values["percentage"]})
    ]
    if values["errors"]:
        wanted.append(("status_code", {"status_codes": ("ERROR",)}))
    if values["cold_starts"]:
        wanted.append(("cold_start", {}))
    if slower_than is not None:
        wanted.append(("latency", {"threshold_ms": round(slower_than * 1000)}))
    return [
        SIMPLE[name][1](section, {key.name: key.default for key in SIMPLE[name][0]} | given)
        for name, given in wanted
    ]


def _read_policy(section: Section) -> Policy | None:
    values = section.read(POLICY_KEYS)
    name = values["type"]
    if name in SIMPLE:
        keys, make = SIMPLE[name]
        inner = values.get(name) or Section(NOTHING, section.place, section.remarks)
        return make(inner, inner.read(keys))
    if name in _COMBINED and values[name] is not None:
        return _read_combined(values[name], name)
    if name in _LIMITS:
        section.complain(f"is {name}, which limits nothing here: it keeps every trace", "type")
        return lambda _trace: SAMPLED
    found = f"is {name!r}, which is" if name else "is"
    section.complain(f"{found} no policy that is known here; it is ignored", "type")
    return None


def _read_combined(section: Section, name: str) -> Policy | None:
    key, combine = _COMBINED[name]
    if name == "composite":
        section.complain("shares out no rate here: it keeps what any of its policies keeps")
    policies = [_read_policy(inner) for inner in section.read(_COMBINED_KEYS[name])[key]]
    usable = [policy for policy in policies if policy is not None]
    # Of policies that all have to agree, one that is not known would make it keep too much.
    if not usable or (len(usable) < len(policies) and combine is not _any_of):
        section.complain("has not all of its policies; it is ignored")
        return None
    return combine(usable)


def _keeps(policies: Sequence[Policy], trace: Trace) -> list[bool]:
    return [policy(trace) in {SAMPLED, INVERT_SAMPLED} for policy in policies]


def _all_of(policies: Sequence[Policy]) -> Policy:
    return lambda trace: SAMPLED if all(_keeps(policies, trace)) else NOT_SAMPLED


def _any_of(policies: Sequence[Policy]) -> Policy:
    return lambda trace: SAMPLED if any(_keeps(policies, trace)) else NOT_SAMPLED


def _none_of(policies: Sequence[Policy]) -> Policy:
    return lambda trace: DROPPED if all(_keeps(policies, trace)) else NOT_SAMPLED


_COMBINED = {
    "and": ("and_sub_policy", _all_of),
    "drop": ("drop_sub_policy", _none_of),
    "composite": ("composite_sub_policy", _any_of),
}


class TailSamplingProcessor:
    """Keep the traces that the policies are for.

    Args:
        policies: Whose decisions count, in any order.
    """

    needs_whole = True  # what comes later would be decided by itself

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = policies

    def process(self, signal: Signal, body: bytes) -> bytes:
        """Return the request without the spans of traces that are not kept."""
        if signal != TRACES:
            return body
        spans: dict[bytes, list[tuple[bytes, bytes]]] = {}

        def note(resource: bytes, _scope: bytes, span: bytes) -> bytes:
            spans.setdefault(last_content(span, _TRACE_ID), []).append((resource, span))
            return span

        edit_items(body, note)
        unwanted = {id_ for id_, found in spans.items() if not self._is_kept(id_, found)}
        return edit_items(
            body, lambda _r, _s, span: None if last_content(span, _TRACE_ID) in unwanted else span
        )

    def _is_kept(self, trace_id: bytes, spans: list[tuple[bytes, bytes]]) -> bool:
        trace = Trace(trace_id, tuple(spans))
        try:
            decisions = {policy(trace) for policy in self._policies}
        except MalformedError:
            return True  # Its judge is the endpoint.
        if decisions & {DROPPED, INVERT_NOT_SAMPLED}:
            return False
        if SAMPLED in decisions:
            return True
        return INVERT_SAMPLED in decisions and NOT_SAMPLED not in decisions

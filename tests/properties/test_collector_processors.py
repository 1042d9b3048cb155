"""What processors make of generated telemetry means what a slow model makes of it.

The models work on the messages of the real protobuf library, item by item, and share no code
with the processors. Whatever bytes come, a processor returns bytes.
"""

from __future__ import annotations

import copy
import hashlib
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from collector_ext.core.otlp import LOGS, METRICS, SIGNALS, TRACES
from collector_ext.core.processors import (
    attributes,
    probabilistic_sampler,
    redaction,
    resource,
    tail_sampling,
)
from collector_ext.core.processors import (
    filter as filter_,
)
from tests.fakes.sections import processor_of
from tests.fakes.telemetry_requests import ITEMS, any_value, key_values, parsed, plain

KEYS = ["a", "b", "token", "faas.coldstart"]
MS = 1_000_000

scalars = (
    st.sampled_from(["", "x", "secret 1", "é"])
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.integers(-2, 2)
    | st.floats(allow_nan=False)
    | st.binary(max_size=2)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2)
    ),
    max_leaves=3,
)
attribute_maps = st.dictionaries(st.sampled_from(KEYS), values, max_size=4)


@st.composite
def spans(draw, message):
    message.trace_id = draw(st.sampled_from([bytes(15) + bytes([n]) for n in (1, 2, 130)]))
    message.span_id = draw(st.binary(min_size=8, max_size=8))
    message.name = draw(st.sampled_from(["GET /health", "GET /shop", ""]))
    message.kind = draw(st.integers(0, 5))
    message.start_time_unix_nano = draw(st.integers(0, 5)) * MS
    message.end_time_unix_nano = draw(st.integers(0, 9)) * MS
    message.attributes.extend(key_values(draw(attribute_maps)))
    if draw(st.booleans()):
        message.status.code = draw(st.integers(0, 2))
    for _ in range(draw(st.integers(0, 2))):
        message.events.add(name="e", attributes=key_values(draw(attribute_maps)))
    return message


@st.composite
def metrics(draw, message):
    message.name = draw(st.sampled_from(["calls", "errors"]))
    kind = draw(st.sampled_from(["gauge", "sum", "histogram", "exponential_histogram", "summary"]))
    data = getattr(message, kind)
    data.SetInParent()
    for _ in range(draw(st.integers(0, 2))):
        data.data_points.add(
            time_unix_nano=draw(st.integers(0, 9)), attributes=key_values(draw(attribute_maps))
        )
    return message


@st.composite
def records(draw, message):
    message.severity_number = draw(st.integers(0, 24))
    message.trace_id = draw(st.sampled_from([b"", bytes(15) + b"\1", bytes(15) + b"\xff"]))
    message.attributes.extend(key_values(draw(attribute_maps)))
    if draw(st.booleans()):
        message.body.CopyFrom(any_value(draw(values)))
    return message


@st.composite
def messages(draw, signal):
    """A request with up to two resources of up to two scopes of up to three items."""
    make, groups, scopes, name = ITEMS[signal]
    fill = {TRACES: spans, METRICS: metrics, LOGS: records}[signal]
    message = make()
    for _ in range(draw(st.integers(0, 2))):
        group = getattr(message, groups).add(schema_url="s")
        group.resource.attributes.extend(key_values(draw(attribute_maps)))
        for _ in range(draw(st.integers(0, 2))):
            scoped = getattr(group, scopes).add()
            if draw(st.booleans()):
                scoped.scope.name = "scope"
                scoped.scope.attributes.extend(key_values(draw(attribute_maps)))
            for _ in range(draw(st.integers(0, 3))):
                draw(fill(getattr(scoped, name).add()))
    return signal, message


requests = st.sampled_from(SIGNALS).flatmap(messages)


def processed(module, configuration, signal, message):
    """What the processor makes of a message, as a message, and whether the bytes are the same."""
    body = message.SerializeToString()
    found = processor_of(module, configuration).process(signal, body)
    return parsed(signal, found), found == body


def walk(signal, message):
    """Yield each item with its group and scope."""
    _, groups, scopes, name = ITEMS[signal]
    for group in getattr(message, groups):
        for scoped in getattr(group, scopes):
            for item in getattr(scoped, name):
                yield group, scoped, item


def points_of(metric):
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else []


def holders(signal, message):
    """The messages whose attributes are those of items."""
    for _, _, item in walk(signal, message):
        yield from points_of(item) if signal == METRICS else [item]


def keep(signal, message, is_kept):
    """Leave the items that are kept, and nothing that is empty for want of them."""
    _, groups, scopes, name = ITEMS[signal]
    kept_groups = []
    for group in getattr(message, groups):
        kept_scopes, had_scopes = [], len(getattr(group, scopes))
        for scoped in getattr(group, scopes):
            items = list(getattr(scoped, name))
            left = [item for item in items if is_kept(group, scoped, item)]
            if left or not items:
                copied = copy.deepcopy(scoped)
                del getattr(copied, name)[:]
                getattr(copied, name).extend(left)
                kept_scopes.append(copied)
        if kept_scopes or not had_scopes:
            copied = copy.deepcopy(group)
            del getattr(copied, scopes)[:]
            getattr(copied, scopes).extend(kept_scopes)
            kept_groups.append(copied)
    result = ITEMS[signal][0]()
    getattr(result, groups).extend(kept_groups)
    return result


def find(holder, key):
    return next((pair for pair in holder.attributes if pair.key == key), None)


def value_of(holder, key):
    pair = find(holder, key)
    return None if pair is None else plain(pair.value)


def put(holder, key, value):
    pair = find(holder, key)
    if pair is None:
        holder.attributes.append(KeyValue(key=key, value=any_value(value)))
    else:
        pair.value.CopyFrom(any_value(value))


def remove(holder, key):
    left = [pair for pair in holder.attributes if pair.key != key]
    del holder.attributes[:]
    holder.attributes.extend(left)


ACTIONS = {
    "insert": lambda holder, key: find(holder, key) or put(holder, key, [1, "v"]),
    "update": lambda holder, key: find(holder, key) and put(holder, key, [1, "v"]),
    "upsert": lambda holder, key: put(holder, key, [1, "v"]),
    "delete": remove,
    "hash": lambda holder, key: find(holder, key) and put(holder, key, sha256(holder, key)),
}
actions = st.lists(
    st.tuples(st.sampled_from([*ACTIONS]), st.sampled_from([*KEYS, "z"])), min_size=1, max_size=4
)


def sha256(holder, key):
    pair = find(holder, key).value
    kind = pair.WhichOneof("value")
    if kind == "string_value":
        data = pair.string_value.encode()
    elif kind == "bool_value":
        data = bytes([pair.bool_value])
    elif kind == "int_value":
        data = pair.int_value.to_bytes(8, "little", signed=True)
    elif kind == "double_value":
        data = pair.SerializeToString()[1:]  # as on the wire, behind its tag
    else:
        data = b""
    return hashlib.sha256(data).hexdigest() if data else ""


def configured(chosen):
    return [
        {"action": name, "key": key}
        | ({"value": [1, "v"]} if name in {"insert", "update", "upsert"} else {})
        for name, key in chosen
    ]


@given(requests, actions)
def test_attributes_does_as_the_model(request_, chosen):
    signal, message = request_
    expected = copy.deepcopy(message)
    for holder in holders(signal, expected):
        for name, key in chosen:
            ACTIONS[name](holder, key)

    found, is_same = processed(attributes, {"actions": configured(chosen)}, signal, message)

    assert found == expected
    assert is_same == (expected == message)


@given(requests, actions)
def test_resource_does_as_the_model(request_, chosen):
    signal, message = request_
    expected = copy.deepcopy(message)
    for group in getattr(expected, ITEMS[signal][1]):
        for name, key in chosen:
            ACTIONS[name](group.resource, key)

    found, is_same = processed(resource, {"attributes": configured(chosen)}, signal, message)

    assert found == expected
    assert is_same == (expected == message)


@given(requests)
def test_filter_does_as_the_model(request_):
    signal, message = request_
    configuration = {
        "traces": {
            "span": [
                'attributes["a"] == "x" and status.code != STATUS_CODE_ERROR',
                'name == "GET /health" and not (kind == SPAN_KIND_SERVER or kind > 3)',
                'IsMatch(resource.attributes["b"], "^secret")',
            ]
        },
        "metrics": {"metric": ['name == "errors"']},
        "logs": {"log_record": ['severity_number < 9 and attributes["a"] != nil']},
    }

    def is_kept(group, _scoped, item):
        if signal == METRICS:
            return item.name != "errors"
        a = value_of(item, "a")
        if signal == LOGS:
            return not (item.severity_number < 9 and find(item, "a") is not None)
        is_from_b = value_of(group.resource, "b") == "secret 1"
        is_health = item.name == "GET /health" and item.kind not in {2, 4, 5}
        return not (is_health or is_from_b or (a == "x" and item.status.code != 2))

    found, is_same = processed(filter_, configuration, signal, message)

    expected = keep(signal, message, is_kept)
    assert found == expected
    assert is_same == (expected == message)


@given(messages(METRICS))
def test_filter_takes_points_out_as_the_model(request_):
    signal, message = request_
    expected = copy.deepcopy(message)

    def is_kept(_group, _scoped, metric):
        points = points_of(metric)
        left = [copy.deepcopy(point) for point in points if value_of(point, "a") is not True]
        had_any = bool(points)
        del points[:]
        points.extend(left)
        return bool(left) or not had_any

    expected = keep(signal, expected, is_kept)
    conditions = ['datapoint.attributes["a"] == true']

    found, _ = processed(filter_, {"metric_conditions": conditions}, signal, message)

    assert found == expected


@given(messages(TRACES), st.integers(0, 12), st.booleans())
def test_tail_sampling_does_as_the_model(request_, slow_ms, is_cold_kept):
    signal, message = request_
    configuration = {
        "keep": {"slower_than": f"{slow_ms}ms", "cold_starts": is_cold_kept, "percentage": 0}
    }
    traces: dict[bytes, list[Any]] = {}
    for _, _, span in walk(signal, message):
        traces.setdefault(span.trace_id, []).append(span)
    resources: dict[bytes, list[Any]] = {}
    for group, _, span in walk(signal, message):
        resources.setdefault(span.trace_id, []).append(group.resource)

    def is_kept(_group, _scoped, span):
        own = traces[span.trace_id]
        duration = max(s.end_time_unix_nano for s in own) - min(s.start_time_unix_nano for s in own)
        is_cold = any(
            value_of(holder, "faas.coldstart") is True
            for holder in [*own, *resources[span.trace_id]]
        )
        return (
            any(s.status.code == 2 for s in own)
            or max(duration, 0) >= slow_ms * MS
            or (is_cold_kept and is_cold)
        )

    found, is_same = processed(tail_sampling, configuration, signal, message)

    expected = keep(signal, message, is_kept)
    assert found == expected
    assert is_same == (expected == message)


@given(messages(TRACES) | messages(LOGS), st.sampled_from([0, 25, 50, 75, 100]))
def test_the_sampler_does_as_the_model(request_, percentage):
    signal, message = request_
    configuration = {"mode": "proportional", "sampling_percentage": percentage}
    limit = (100 - percentage) * (1 << 56) // 100

    def is_kept(_group, _scoped, item):
        number = int.from_bytes(item.trace_id[-7:], "big")
        return percentage > 0 and any(item.trace_id) and number >= limit

    expected = keep(signal, message, is_kept)
    text = f"{limit:014x}".rstrip("0") or "0"
    for _, _, item in walk(signal, expected):
        if signal == TRACES:
            item.trace_state = f"ot=th:{text}"
        else:
            put(item, "sampling.threshold", text)

    found, _ = processed(probabilistic_sampler, configuration, signal, message)

    assert found == expected


def redact(holder):
    """The model: ``b`` is not allowed, ``token`` is masked, ``secret`` is masked in texts."""
    for pair in list(holder.attributes):
        if pair.key in {"b", "faas.coldstart"}:
            remove(holder, pair.key)
        elif pair.key == "token":
            put(holder, "token", "****")
        elif pair.value.WhichOneof("value") == "string_value":
            put(holder, pair.key, re.sub("secret", "****", pair.value.string_value))


def redacted_body(value):
    if isinstance(value, dict):
        return {
            key: "****" if key == "token" else redacted_body(member)
            for key, member in value.items()
            if key in {"a", "token"}
        }
    if isinstance(value, list):
        return [redacted_body(member) for member in value]
    return re.sub("secret", "****", value) if isinstance(value, str) else value


@given(requests)
def test_redaction_does_as_the_model(request_):
    signal, message = request_
    expected = copy.deepcopy(message)
    _, groups, scopes, _ = ITEMS[signal]
    for group in getattr(expected, groups):
        redact(group.resource)
        for scoped in getattr(group, scopes):
            if scoped.HasField("scope"):
                redact(scoped.scope)
    for holder in holders(signal, expected):
        redact(holder)
        for event in holder.events if signal == TRACES else []:
            redact(event)
        if signal == LOGS and holder.HasField("body"):
            holder.body.CopyFrom(any_value(redacted_body(plain(holder.body))))
    configuration = {
        "allowed_keys": ["a", "token"],
        "blocked_key_patterns": ["tok"],
        "blocked_values": ["secret"],
    }

    found, is_same = processed(redaction, configuration, signal, message)

    assert found == expected
    assert is_same == (expected == message)


EACH = [
    processor_of(attributes, {"actions": [{"key": "a", "action": "hash"}]}),
    processor_of(resource, {"attributes": [{"key": "a", "action": "upsert", "value": 1}]}),
    processor_of(filter_, {"trace_conditions": ['spanevent.attributes["a"] == span.name']}),
    processor_of(filter_, {"metric_conditions": ['datapoint.attributes["a"] == 1']}),
    processor_of(filter_, {"log_conditions": ['log.body["a"] == log.trace_id']}),
    processor_of(probabilistic_sampler, {"sampling_percentage": 50}),
    processor_of(redaction, {"allowed_keys": ["a"], "blocked_values": ["x"], "summary": "debug"}),
    processor_of(tail_sampling, {"keep": {"slower_than": "1ms", "percentage": 10}}),
]


@given(st.sampled_from(SIGNALS), st.sampled_from(EACH), st.binary(max_size=40))
def test_any_bytes_are_processed(signal, processor, body):
    assert isinstance(processor.process(signal, body), bytes)


@given(requests, st.sampled_from(EACH), st.data())
def test_damaged_requests_are_processed(request_, processor, data):
    signal, message = request_
    body = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3)) if body else 0):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))])

    assert isinstance(processor.process(signal, cut), bytes)

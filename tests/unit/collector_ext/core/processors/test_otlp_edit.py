"""Editing export requests on the wire."""

from __future__ import annotations

import pytest

from collector_ext.core.otlp import LOGS, METRICS, TRACES
from collector_ext.core.processors.any_value import field, write
from collector_ext.core.processors.otlp_edit import (
    Attributes,
    edit_item_attributes,
    edit_items,
    edit_message,
    edit_messages,
    edit_points,
    edit_resource_attributes,
    edit_scope_attributes,
    edited_attributes,
    last_content,
    last_number,
    submessage,
    without_field,
)
from tests.fakes.telemetry_requests import (
    attributes_in,
    gauge,
    items_in,
    names_in,
    parsed,
    record,
    request,
    span,
)

# A length of two bytes where one would do: legal, and gone once it is encoded anew.
LONG_WAY = b"\x12\x81\x00x"
TWO = field(2, b"a") + b"\x08\x01" + field(2, b"b")


class TestMessages:
    """Each is replaced by what is made of it; the rest keeps its bytes."""

    def test_are_replaced(self):
        edited = edit_messages(TWO, 2, lambda content: content + b"!")

        assert edited == field(2, b"a!") + b"\x08\x01" + field(2, b"b!")

    def test_that_are_not_changed_keep_their_bytes(self):
        def edit(content):
            return content if content == b"x" else b"!"

        assert edit_messages(LONG_WAY + TWO, 2, edit) == (
            LONG_WAY + field(2, b"!") + b"\x08\x01" + field(2, b"!")
        )

    def test_are_taken_out(self):
        def edit(content):
            return None if content == b"a" else content

        assert edit_messages(TWO, 2, edit) == b"\x08\x01" + field(2, b"b")

    def test_may_become_empty(self):
        assert edit_messages(field(2, b"a"), 2, lambda _: b"") == field(2, b"")

    @pytest.mark.parametrize(("may_be_empty", "then"), [(False, None), (True, b"\x08\x01")])
    def test_may_all_be_taken_out(self, may_be_empty, then):
        assert edit_messages(TWO, 2, lambda _: None, may_be_empty=may_be_empty) == then

    def test_that_were_never_there_leave_no_gap(self):
        assert edit_messages(b"\x08\x01", 2, lambda _: None) == b"\x08\x01"


class TestTheOneMessage:
    """It is merged if it is there more than once."""

    def test_is_replaced(self):
        edited = edit_message(TWO, 2, lambda content: content + b"!")

        assert submessage(edited, 2) == b"ab!"

    def test_is_made_if_it_is_not_there(self):
        assert edit_message(b"", 2, lambda _: b"x") == field(2, b"x")

    def test_keeps_its_bytes_if_it_is_not_changed(self):
        assert edit_message(LONG_WAY, 2, lambda content: content) == LONG_WAY


class TestItems:
    """Spans, metrics and log records; no resource stays without any."""

    BODY = request(TRACES, span("a"), span("b")) + request(TRACES, span("c"))

    def test_know_where_they_are_from(self):
        seen = []

        def edit(resource, scope, item):
            seen.append((b"shop" in resource, last_content(scope, 1), last_content(item, 5)))
            return item

        assert edit_items(self.BODY, edit) == self.BODY
        assert seen == [(True, b"tests", name) for name in (b"a", b"b", b"c")]

    def test_take_their_resource_with_them(self):
        def edit(_resource, _scope, item):
            return None if last_content(item, 5) == b"c" else item

        body = edit_items(self.BODY, edit)

        assert names_in(TRACES, body) == ["a", "b"]
        assert len(parsed(TRACES, body).resource_spans) == 1

    def test_may_all_go(self):
        assert edit_items(self.BODY, lambda *_: None) == b""

    def test_that_cannot_be_walked_stay_beside_those_that_can(self):
        odd = b"\x0a\x03\x12\x01\xff"

        assert edit_items(odd + self.BODY, lambda *_: None) == odd

    def test_of_what_is_no_request_stay(self):
        assert edit_items(b"hello", lambda *_: None) == b"hello"


class TestPoints:
    """A metric without any is no metric."""

    def test_are_taken_out(self):
        metric = gauge("m", {"a": 1}, {"a": 2}).SerializeToString()

        def edit(number, point):
            return point if Attributes(point, number).value("a") == 2 else None

        edited = edit_points(metric, edit)

        assert edited is not None

        (left,) = items_in(METRICS, request(METRICS, gauge("m").FromString(edited)))
        assert [attributes_in(p.attributes) for p in left.gauge.data_points] == [{"a": 2}]

    def test_may_all_go(self):
        assert edit_points(gauge("m", {}).SerializeToString(), lambda *_: None) is None

    def test_need_not_be_there(self):
        metric = gauge("m").SerializeToString()

        assert edit_points(metric, lambda *_: None) == metric


class TestAttributesOfItems:
    """Those of a span or a log record, or of each point of a metric."""

    @pytest.mark.parametrize(
        ("signal", "item", "then"),
        [
            (TRACES, span("a"), span("a", {"k": 1})),
            (LOGS, record("a"), record("a", {"k": 1})),
            (METRICS, gauge("m", {"a": 1}, {}), gauge("m", {"a": 1, "k": 1}, {"k": 1})),
        ],
    )
    def test_are_changed(self, signal, item, then):
        edited = edit_item_attributes(
            signal, item.SerializeToString(), lambda found: found.put("k", write(1))
        )

        assert type(item).FromString(edited) == then


class TestAttributes:
    """In their order, each under its key."""

    MESSAGE = span(attributes={"a": 1, "b": "x"}).SerializeToString()

    def edited(self, edit, message=MESSAGE):
        return span().FromString(edited_attributes(message, 9, edit))

    def test_are_read(self):
        found = Attributes(self.MESSAGE, 9)

        assert found.names() == ["a", "b"]
        assert (found.value("a"), found.value("z"), found.get("b")) == (1, None, write("x"))

    def test_that_are_not_there_are_nothing(self):
        assert Attributes(self.MESSAGE, 9).get("nowhere") is None

    def test_are_changed_in_their_place(self):
        found = self.edited(lambda attributes: attributes.put("a", write(2)))

        assert found == span(attributes={"a": 2, "b": "x"})

    def test_are_added_behind_the_others(self):
        found = self.edited(lambda attributes: attributes.put("c", write(2)))

        assert found == span(attributes={"a": 1, "b": "x", "c": 2})

    def test_are_removed(self):
        assert self.edited(lambda attributes: attributes.remove("a")) == span(attributes={"b": "x"})

    def test_are_added_again(self):
        def edit(attributes):
            attributes.remove("a")
            attributes.put("a", write(3))

        assert self.edited(edit) == span(attributes={"b": "x", "a": 3})

    def test_that_are_the_same_keep_their_bytes(self):
        def edit(attributes):
            attributes.put("a", write(1))
            attributes.remove("z")

        assert edited_attributes(self.MESSAGE, 9, edit) is self.MESSAGE

    def test_that_are_there_twice_become_one(self):
        twice = self.MESSAGE + span(attributes={"a": 5}).SerializeToString()

        found = self.edited(lambda attributes: attributes.put("a", write(1)), twice)

        assert attributes_in(found.attributes) == {"a": 1, "b": "x"}
        assert len(found.attributes) == 2

    def test_of_resources_are_changed(self):
        body = edit_resource_attributes(
            request(TRACES, span()), lambda attributes: attributes.remove("service.name")
        )

        assert len(parsed(TRACES, body).resource_spans[0].resource.attributes) == 0

    def test_of_scopes_are_changed(self):
        body = edit_scope_attributes(
            request(TRACES, span()), lambda attributes: attributes.put("k", write("v"))
        )

        (scoped,) = parsed(TRACES, body).resource_spans[0].scope_spans
        assert attributes_in(scoped.scope.attributes) == {"k": "v"}

    def test_of_a_scope_that_is_not_there_are_not_made(self):
        body = field(1, field(2, field(2, b"")))

        assert edit_scope_attributes(body, lambda attributes: attributes.put("k", b"")) == body


class TestFields:
    """Of a field that is there more than once the last counts."""

    def test_are_numbers(self):
        assert last_number(b"\x08\x01\x08\x02", 1) == 2
        assert last_number(b"\x09" + bytes(7) + b"\1", 1) == 1 << 56
        assert last_number(b"\x0d\1\0\0\0", 1) == 1
        assert last_number(field(1, b"x") + b"\x10\x01", 1) == 0

    def test_are_bytes(self):
        assert last_content(TWO, 2) == b"b"
        assert last_content(TWO, 3) == b""

    def test_are_left_out(self):
        assert without_field(TWO, 2) == b"\x08\x01"

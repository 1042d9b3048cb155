"""What is done to attributes, by each action."""

from __future__ import annotations

import hashlib

import pytest

from collector_ext.core.processors.actions import apply, plain, read_actions
from collector_ext.core.processors.otlp_edit import edited_attributes
from tests.fakes.sections import node_of, section_of
from tests.fakes.telemetry_requests import attributes_in, span

GIVEN = {"a": "1", "b": 2}
EXTRACT = {"key": "url", "pattern": r"^/(?P<shop>\w+)/(?<item>\d+)$", "action": "extract"}


def after(actions, given=None):
    """The attributes of a span that had ``given``."""
    found = read_actions(tuple(section_of(action) for action in actions))
    message = span(attributes=given or GIVEN).SerializeToString()
    edited = edited_attributes(message, 9, lambda attributes: apply(found, attributes))
    return attributes_in(span().FromString(edited).attributes)


class TestWriting:
    """``insert`` writes what is not there, ``update`` what is, ``upsert`` either."""

    @pytest.mark.parametrize(
        ("action", "key", "then"),
        [
            ("insert", "c", {**GIVEN, "c": True}),
            ("insert", "a", GIVEN),
            ("update", "c", GIVEN),
            ("update", "a", {"a": True, "b": 2}),
            ("upsert", "c", {**GIVEN, "c": True}),
            ("UPSERT", "a", {"a": True, "b": 2}),
        ],
    )
    def test_depends_on_what_is_there(self, action, key, then):
        assert after([{"key": key, "value": True, "action": action}]) == then

    @pytest.mark.parametrize("value", ["", "x", True, 7, -1, 1.5, ["a", 1], {"m": [1.0]}])
    def test_keeps_the_type_of_the_value(self, value):
        found = after([{"key": "c", "value": value, "action": "insert"}])["c"]

        assert (found, type(found)) == (value, type(value))

    def test_copies_another_attribute(self):
        copied = [{"key": "c", "from_attribute": "b", "action": "insert"}]

        assert after(copied) == {**GIVEN, "c": 2}

    def test_does_nothing_without_the_other_attribute(self):
        copied = [{"key": "c", "from_attribute": "z", "action": "insert"}]

        assert after(copied) == GIVEN

    def test_writes_the_default_without_the_other_attribute(self):
        copied = {"key": "c", "from_attribute": "z", "default_value": 9, "action": "insert"}

        assert after([copied]) == {**GIVEN, "c": 9}

    def test_follows_the_order_of_the_actions(self):
        actions = [
            {"key": "c", "from_attribute": "a", "action": "upsert"},
            {"key": "a", "action": "delete"},
        ]

        assert after(actions) == {"b": 2, "c": "1"}


class TestDeleting:
    """Attributes go by their key, or by a pattern of keys."""

    def test_by_key(self):
        assert after([{"key": "a", "action": "delete"}]) == {"b": 2}

    def test_by_pattern(self):
        given = {"http.url": "x", "http.method": "y", "other": "z"}

        assert after([{"pattern": "^http[.]", "action": "delete"}], given) == {"other": "z"}

    def test_of_a_key_that_is_not_there_changes_nothing(self):
        assert after([{"key": "z", "action": "delete"}]) == GIVEN


class TestHashing:
    """A hash is SHA-256 in hexadecimal, of the bytes that upstream hashes."""

    @pytest.mark.parametrize(
        ("value", "content"),
        [
            ("é", "é".encode()),
            (True, b"\1"),
            (False, b"\0"),
            (-2, (-2).to_bytes(8, "little", signed=True)),
            (1.0, bytes.fromhex("000000000000f03f")),
        ],
    )
    def test_hashes_the_value(self, value, content):
        found = after([{"key": "a", "action": "hash"}], {"a": value})

        assert found == {"a": hashlib.sha256(content).hexdigest()}

    @pytest.mark.parametrize("value", ["", ["a"], {"a": 1}, b"x"])
    def test_leaves_nothing_of_what_it_cannot_hash(self, value):
        assert after([{"key": "a", "action": "hash"}], {"a": value}) == {"a": ""}

    def test_by_pattern(self):
        found = after([{"pattern": "a", "action": "hash"}])

        assert found == {"a": hashlib.sha256(b"1").hexdigest(), "b": 2}


class TestExtracting:
    """The named groups of a pattern become attributes."""

    def test_writes_each_group(self):
        given = {"url": "/books/12", "item": "old"}

        found = after([EXTRACT], given)

        assert found == {"url": "/books/12", "item": "12", "shop": "books"}

    @pytest.mark.parametrize("url", ["/books", "/books/12\n", 12])
    def test_changes_nothing_where_the_pattern_is_not_found(self, url):
        assert after([EXTRACT], {"url": url}) == {"url": url}


class TestConverting:
    """A value that cannot be converted stays."""

    @pytest.mark.parametrize(
        ("value", "wanted", "then"),
        [
            ("12", "int", 12),
            ("-12", "int", -12),
            ("1.5", "int", "1.5"),
            (" 1", "int", " 1"),
            ("1_0", "int", "1_0"),
            ("9" * 30, "int", "9" * 30),
            (1.9, "int", 1),
            (float("inf"), "int", float("inf")),
            (True, "int", 1),
            ("1e3", "double", 1000.0),
            ("x", "double", "x"),
            (3, "double", 3.0),
            (False, "double", 0.0),
            (3, "string", "3"),
            (1.0, "string", "1"),
            (1e-5, "string", "0.00001"),
            (1e-7, "string", "1e-7"),
            (True, "string", "true"),
            (b"\1", "string", "AQ=="),
            (["a", 1], "string", '["a",1]'),
            (["a"], "int", ["a"]),
            ("x", "string", "x"),
        ],
    )
    def test_converts_what_it_can(self, value, wanted, then):
        action = {"key": "a", "converted_type": wanted, "action": "convert"}

        found = after([action], {"a": value})["a"]

        assert (found, type(found)) == (then, type(then))

    def test_of_a_key_that_is_not_there_changes_nothing(self):
        assert after([{"key": "z", "converted_type": "int", "action": "convert"}]) == GIVEN


class TestAnActionThatCannotBeUsed:
    """It is named, and left out."""

    @pytest.mark.parametrize(
        ("action", "complaint"),
        [
            ({"key": "a"}, "has no action that is known; it is ignored"),
            ({"action": "delete"}, "has no key; it is ignored"),
            ({"key": "a", "action": "insert"}, "has no value and no from_attribute; it is ignored"),
            (
                {"key": "a", "action": "insert", "from_context": "x"},
                "takes its value from_context, which there is none of here; it is ignored",
            ),
            ({"key": "a", "action": "convert"}, "has no converted_type; it is ignored"),
            (
                {"key": "a", "action": "extract", "pattern": "(x)"},
                "has no pattern with names for all its groups; it is ignored",
            ),
        ],
    )
    def test_is_complained_about(self, action, complaint):
        section = section_of(action)

        assert read_actions((section,)) == []
        assert section.remarks.complaints == (f"f:1: processors.x {complaint}",)

    def test_is_complained_about_if_a_value_is_too_large(self):
        section = section_of({"key": "a", "action": "insert", "value": 1 << 70})

        assert read_actions((section,)) == []
        assert "an attribute cannot be 1180591620717411303424" in section.remarks.complaints[0]

    def test_may_have_a_pattern_that_is_none(self):
        section = section_of({"action": "delete", "pattern": "("})

        assert read_actions((section,)) == []
        assert "'(', which cannot be used" in section.remarks.complaints[0]


def test_a_piece_of_a_document_is_plain_data():
    data = {"a": [1, {"b": None}], "c": "x"}

    assert plain(node_of(data)) == data

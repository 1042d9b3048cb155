"""How the end of an invocation is put into words."""

from __future__ import annotations

import json

import pytest

from otel_layer.core.outcome import cut, error_type, exception_event, posted_error


class OwnError(Exception):
    """The customer's."""


class TestTheErrorType:
    """The class, with its module where that says something."""

    def test_a_built_in_one_stands_alone(self):
        assert error_type(ValueError("x")) == "ValueError"

    def test_another_one_has_its_module(self):
        assert error_type(OwnError()) == f"{__name__}.OwnError"

    def test_an_inner_class_has_its_outer_one(self):
        class InnerError(Exception):
            pass

        assert error_type(InnerError()).endswith(".<locals>.InnerError")


def test_an_exception_is_an_event_with_these_attributes():
    assert exception_event("ValueError", "x", "Traceback …") == {
        "exception.type": "ValueError",
        "exception.message": "x",
        "exception.stacktrace": "Traceback …",
        "exception.escaped": True,
    }


class TestABoundedText:
    """Long ones are cut, and say so."""

    def test_one_within_the_bound_is_whole(self):
        assert cut(["abc", "", "def"], 6) == "abcdef"

    @pytest.mark.parametrize("pieces", [["abcdefgh"], ["abc", "def", "gh"], iter("abcdefgh")])
    def test_what_is_beyond_is_counted(self, pieces):
        assert cut(pieces, 5) == "abcde… [3 more characters]"


class TestAPostedError:
    """What the runtime found fault with by itself."""

    def test_type_and_message_are_read(self):
        body = json.dumps({"errorType": "Runtime.MarshalError", "errorMessage": "no"})

        assert posted_error(body) == ("Runtime.MarshalError", "no")
        assert posted_error(body.encode()) == ("Runtime.MarshalError", "no")

    @pytest.mark.parametrize("body", [None, 7, "", "{", "[]", b"\xff", "{}"], ids=repr)
    def test_what_cannot_be_read_is_empty(self, body):
        assert posted_error(body) == ("", "")

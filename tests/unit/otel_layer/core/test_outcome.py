"""How the end of an invocation is put into words."""

from __future__ import annotations

import json

import pytest

from otel_layer.core.outcome import (
    RESULT_BYTES_MAX,
    cut,
    error_type,
    exception_event,
    is_too_large,
    posted_error,
    runtime_fault,
)


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


class TestAResult:
    """Lambda takes so many bytes of it: what counts is UTF-8."""

    @pytest.mark.parametrize(
        "result",
        [None, 7, "", "x" * RESULT_BYTES_MAX],
        ids=["none", "number", "empty", "as large as may be"],
    )
    def test_one_that_fits(self, result):
        assert not is_too_large(result)

    @pytest.mark.parametrize(
        "result",
        [
            "x" * (RESULT_BYTES_MAX + 1),
            b"x" * (RESULT_BYTES_MAX + 1),
            "é" * (RESULT_BYTES_MAX // 2 + 1),
        ],
        ids=["text", "bytes", "two bytes each"],
    )
    def test_one_that_does_not(self, result):
        assert is_too_large(result)

    def test_text_that_is_not_unicode_is_not_ours_to_judge(self):
        assert not is_too_large("\ud800" * (RESULT_BYTES_MAX // 2))


class TestAHandlerThatIsNotFound:
    """The runtime client has words of its own for it."""

    def test_they_are_read(self):
        class FaultException(Exception):  # noqa: N818  # its name
            exception_type = "Runtime.HandlerNotFound"
            msg = "Handler 'x' missing on module 'app'"

        assert runtime_fault(FaultException()) == (
            "Runtime.HandlerNotFound",
            "Handler 'x' missing on module 'app'",
        )

    @pytest.mark.parametrize("exception", [ValueError("x"), SyntaxError("x"), SystemExit(3)])
    def test_an_exception_of_the_customer_s_speaks_for_itself(self, exception):
        assert runtime_fault(exception) is None


class TestAPostedError:
    """What the runtime found fault with by itself."""

    def test_type_and_message_are_read(self):
        body = json.dumps({"errorType": "Runtime.MarshalError", "errorMessage": "no"})

        assert posted_error(body) == ("Runtime.MarshalError", "no")
        assert posted_error(body.encode()) == ("Runtime.MarshalError", "no")

    @pytest.mark.parametrize("body", [None, 7, "", "{", "[]", b"\xff", "{}"], ids=repr)
    def test_what_cannot_be_read_is_empty(self, body):
        assert posted_error(body) == ("", "")

"""How the end of an invocation is put into words."""

from __future__ import annotations

import json

import pytest

from otel_layer.core.outcome import (
    ENTRY_CHARACTERS_MAX,
    RESULT_BYTES_MAX,
    cut,
    cut_middle,
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


class TestABoundedStackTrace:
    """Long ones lose whole entries of their middle, and say so."""

    ENTRIES = ("begin 1\n", "begin 2\n", "middle\n", "end 1\n", "end 2\n")

    def test_one_within_the_bound_is_whole(self):
        assert cut_middle(self.ENTRIES, 60) == "".join(self.ENTRIES)

    @pytest.mark.parametrize("characters_max", [32, 36])
    def test_where_it_began_and_where_it_failed_stay(self, characters_max):
        assert cut_middle(iter(self.ENTRIES), characters_max) == (
            "begin 1\nbegin 2\n… [7 more characters] …\nend 1\nend 2\n"
        )

    def test_one_long_message_leaves_room_for_the_frames(self):
        message = "x" * 3 * ENTRY_CHARACTERS_MAX

        assert cut_middle(["frame 1\n", "frame 2\n", message], 2 * ENTRY_CHARACTERS_MAX + 64) == (
            "frame 1\nframe 2\n" + cut([message], ENTRY_CHARACTERS_MAX)
        )

    def test_what_is_held_is_bounded(self):
        cut_trace = cut_middle((f"frame {n}\n" for n in range(100_000)), 100)

        assert cut_trace.startswith("frame 0\nframe 1\n")
        assert cut_trace.endswith("frame 99998\nframe 99999\n")
        assert len(cut_trace) < 140


class TestAPostedError:
    """What the runtime found fault with by itself."""

    def test_type_and_message_are_read(self):
        body = json.dumps({"errorType": "Runtime.MarshalError", "errorMessage": "no"})

        assert posted_error(body) == ("Runtime.MarshalError", "no")
        assert posted_error(body.encode()) == ("Runtime.MarshalError", "no")

    @pytest.mark.parametrize("body", [None, 7, "", "{", "[]", b"\xff", "{}"], ids=repr)
    def test_what_cannot_be_read_is_empty(self, body):
        assert posted_error(body) == ("", "")

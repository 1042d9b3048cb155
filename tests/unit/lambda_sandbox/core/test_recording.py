"""Invocations are written down, and read again as they were."""

from __future__ import annotations

import json

import pytest

from lambda_sandbox.core.recording import (
    MEMBERS,
    MalformedRecordingError,
    NotJsonError,
    Recorded,
    line_of,
    payload_of,
    recording_of,
)

DEEP = "[" * 200_000
FULL = Recorded(b'{"a": 1}', '{"custom": {"b": 2}}', "Root=1-2-3;Sampled=1", 1.5)


class TestWriting:
    """One object of JSON, with what there is to say."""

    def test_says_everything_that_was_given(self):
        assert json.loads(line_of(FULL)) == {
            "payload": {"a": 1},
            "clientContext": {"custom": {"b": 2}},
            "traceHeader": "Root=1-2-3;Sampled=1",
            "secondsSincePrevious": 1.5,
        }

    def test_says_nothing_else(self):
        assert line_of(Recorded(b"[]")) == '{"payload": []}'

    def test_tells_no_trace_from_an_empty_one(self):
        assert line_of(Recorded(b"1", trace_header="")) == '{"payload": 1, "traceHeader": ""}'

    def test_is_one_line_whatever_the_payload(self):
        assert "\n" not in line_of(Recorded(b'{\r\n "a": "\\n"\n}'))


class TestReading:
    """What was written, and what people write."""

    @pytest.mark.parametrize(
        "payload",
        [
            b'{"a":  1.10, "a": 1e400, "payload": {"}": "]"}}',
            '"ä\\ud800\u2028"'.encode(),
            b"9" * 5000,
            b"null",
        ],
    )
    def test_returns_a_payload_octet_for_octet(self, payload):
        assert recording_of(line_of(Recorded(payload)).encode()) == [Recorded(payload)]

    def test_returns_everything_else(self):
        assert recording_of(line_of(FULL).encode()) == [FULL]

    def test_takes_spaces_in_its_stride(self):
        line = b'  { "secondsSincePrevious" : 2 ,\t"payload" : { } } \r\n'

        assert recording_of(line) == [Recorded(b"{ }", since_previous_s=2.0)]

    def test_skips_blank_lines(self):
        lines = b'\n{"payload": 1}\n  \n{"payload": 2}\n'

        assert recording_of(lines) == [Recorded(b"1"), Recorded(b"2")]

    def test_takes_null_for_nothing(self):
        line = b'{"payload": null, "clientContext": null, "traceHeader": null}'

        assert recording_of(line) == [Recorded(b"null")]

    def test_returns_a_client_context_as_it_was_written(self):
        line = '{"payload": 1, "clientContext": {"a":  "ä"}}'.encode()

        assert recording_of(line) == [Recorded(b"1", '{"a":  "ä"}')]


class TestALineThatIsNone:
    """Is named, with what is wrong with it."""

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"{", "not JSON: Expecting property name enclosed in double quotes at column 2"),
            (b'{"payload": NaN}', "not JSON: NaN is not JSON"),
            (DEEP.encode(), "nested too deeply"),
            (b'"\xff"', "not UTF-8"),
            (b"[1]", 'not an object; an event is written as {"payload": …}'),
            (b'{"Records": []}', 'no "payload"; an event is written as {"payload": …}'),
            (
                b'{"payload": 1, "pay": 2}',
                f"unknown member 'pay'; there are {', '.join(MEMBERS)}",
            ),
            (b'{"payload": 1, "clientContext": "a"}', '"clientContext" is not an object'),
            (b'{"payload": 1, "traceHeader": 1}', '"traceHeader" is not a header\'s value'),
            (b'{"payload": 1, "traceHeader": "\\n"}', '"traceHeader" is not a header\'s value'),
            (
                b'{"payload": 1, "secondsSincePrevious": "1"}',
                '"secondsSincePrevious" is not a number',
            ),
            (
                b'{"payload": 1, "secondsSincePrevious": true}',
                '"secondsSincePrevious" is not a number',
            ),
            (
                b'{"payload": 1, "secondsSincePrevious": -1}',
                '"secondsSincePrevious" is not a duration',
            ),
            (
                b'{"payload": 1, "secondsSincePrevious": 1e999}',
                '"secondsSincePrevious" is not a duration',
            ),
        ],
    )
    def test_is_refused(self, line, reason):
        with pytest.raises(MalformedRecordingError) as refused:
            recording_of(b'{"payload": 1}\n\n' + line)

        assert str(refused.value) == f"line 3: {reason}"

    def test_is_missed(self):
        with pytest.raises(MalformedRecordingError, match=r"^no invocation is in it$"):
            recording_of(b"\n")


class TestAPayload:
    """Is JSON, as Lambda has it."""

    def test_is_left_as_it_is(self):
        assert payload_of(' {"a":\n1.10} ') == b' {"a":\n1.10} '

    @pytest.mark.parametrize("text", ["", "{", "NaN", '"\udcff"', DEEP])
    def test_is_refused_otherwise(self, text):
        with pytest.raises(NotJsonError):
            payload_of(text)

"""Payloads as the content of a file."""

from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector_ext.core.delivery import spill
from collector_ext.core.otlp import JSON, LOGS, METRICS, PROTOBUF, SIGNALS, TRACES, Payload

A = Payload(TRACES, PROTOBUF, b"\x0a\x00", 12, is_suspect=False)
B = Payload(LOGS, JSON, b'{\n"resourceLogs": []}', 0, is_suspect=True)
C = Payload(METRICS, PROTOBUF, b"", 1, is_suspect=False)
WHOLE = spill.encode([A, B, C])

payloads = st.builds(
    Payload,
    signal=st.sampled_from(SIGNALS),
    content_type=st.sampled_from([PROTOBUF, JSON]),
    body=st.binary(max_size=40),
    item_count=st.integers(0, 1000),
    is_suspect=st.booleans(),
)


def of_records(records):
    """A file whose check is right."""
    return b"otel-layer-spill 1 %08x\n" % zlib.crc32(records) + records


class TestAFile:
    """It holds payloads in their order, each as it was."""

    @given(st.lists(payloads, max_size=4))
    def test_is_read_as_it_was_written(self, some):
        assert spill.decode(spill.encode(some)) == tuple(some)

    def test_is_what_the_documentation_says(self):
        records = b"traces application/x-protobuf 12 0 2\n\x0a\x00"

        assert spill.encode([A]) == of_records(records)


class TestAnythingElse:
    """Never is a part of a file read as all of it."""

    @pytest.mark.parametrize("size_bytes", range(len(WHOLE)))
    def test_a_file_that_ends_early_is_none(self, size_bytes):
        with pytest.raises(ValueError, match=r"it is no spill of this version|it is not whole"):
            spill.decode(WHOLE[:size_bytes])

    @given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
    def test_nor_is_one_in_which_a_byte_is_another(self, at, change):
        changed = bytes([*WHOLE[:at], WHOLE[at] ^ change, *WHOLE[at + 1 :]])

        with pytest.raises(ValueError, match="it is"):
            spill.decode(changed)

    def test_another_version_is_none(self):
        with pytest.raises(ValueError, match=r"^it is no spill of this version$"):
            spill.decode(WHOLE.replace(b" 1 ", b" 2 ", 1))

    @pytest.mark.parametrize(
        "record",
        [
            b"traces",
            b"\n",
            b"traces application/x-protobuf 12 0\n",
            b"profiles application/x-protobuf 1 0 0\n",
            b"traces text/plain 1 0 0\n",
            b"traces application/json many 0 0\n",
            b"traces application/json -1 0 0\n",
            b"traces application/json 1 2 0\n",
            b"traces application/json 1 0 -1\n",
            b"traces application/json 1 0 1\n",
        ],
    )
    def test_records_of_another_shape_are_none(self, record):
        whole = b"traces application/json 1 0 2\n{}"

        with pytest.raises(ValueError, match=r"^there is no payload at byte 60$"):
            spill.decode(of_records(whole + record))

    @given(st.binary(max_size=60))
    def test_any_bytes_are_read_or_refused(self, records):
        with contextlib.suppress(ValueError):
            assert len(spill.decode(of_records(records))) <= len(records)


class TestTheNewest:
    """Where not all have room, the oldest are left out."""

    def test_are_all_if_they_have_room(self):
        assert spill.newest([A, B, C], len(WHOLE)) == (A, B, C)

    def test_are_the_last_that_have_room_with_what_the_file_says_of_them(self):
        assert spill.newest([A, B, C], len(WHOLE) - 1) == (B, C)
        assert spill.newest([A, B, C], len(spill.encode([C]))) == (C,)

    def test_none_is_newer_than_one_that_has_no_room(self):
        large = Payload(TRACES, PROTOBUF, bytes(99), 1, is_suspect=False)

        assert spill.newest([A, large, C], len(WHOLE)) == (C,)
        assert spill.newest([A, C, large], len(WHOLE)) == ()

    def test_there_may_be_none(self):
        assert spill.newest([], 0) == ()
        assert spill.newest([A], 0) == ()

"""JSON without the json package."""

from __future__ import annotations

import json

import pytest

from collector_ext.core import json_text

TEXTS = ['{"a": [1, 2.5, true, null]}', ' "\\u00e9\\ud83d\\ude00" ', "[]", "\n{}\t", "-1e3"]


@pytest.mark.parametrize("text", TEXTS)
def test_it_means_what_the_json_package_makes_of_it(text):
    assert json_text.parse(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b'{"a"}', b"[1] [2]", b"NaN", b"-Infinity", b"\xff", b"'a'", b"[" * 100_000],
    ids=["empty", "open", "no value", "two", "NaN", "Infinity", "not UTF-8", "quotes", "deep"],
)
def test_what_is_not_one_json_value_is_a_value_error(text):
    with pytest.raises(ValueError):  # noqa: PT011 - its kinds are the decoders' own
        json_text.parse(text)


@pytest.mark.parametrize("text", ["plain", 'a "b" \\ \n', "é😀\x00"])
def test_a_quoted_text_is_read_as_it_was(text):
    assert json.loads(json_text.quoted(text)) == text

"""Percent-encoding and base64 as headers use them."""

from __future__ import annotations

import pytest

from collector_ext.core import percent


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("plain", "plain"),
        ("a%20b%3D", "a b="),
        ("%C3%A9", "é"),
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        ("%FF", "�"),
    ],
)
def test_escapes_are_read_and_everything_else_stays(text, decoded):
    assert percent.decoded(text) == decoded


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("otlp_http", "otlp_http"),
        ("otlp-HTTP/2", "otlp-HTTP%2F2"),
        ("..", "%2E%2E"),
        ("é %", "%C3%A9%20%25"),
        ("", ""),
    ],
)
def test_what_is_encoded_is_a_name_of_a_file_and_is_read_again(text, encoded):
    assert percent.encoded(text) == encoded
    assert percent.decoded(encoded) == text


def test_base64_is_one_line():
    assert percent.base64("user:" + "x" * 100).count("\n") == 0
    assert percent.base64("user:pass") == "dXNlcjpwYXNz"

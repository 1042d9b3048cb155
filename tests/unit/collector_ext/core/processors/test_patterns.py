"""Expressions of RE2 as expressions of Python."""

from __future__ import annotations

import pytest

from collector_ext.core.processors.patterns import (
    PATTERN_CHARS_MAX,
    PATTERNS,
    TEXT_CHARS_MAX,
    compiled,
    is_found,
    read_all,
)
from tests.fakes.sections import node_of, section_of


class TestAnExpression:
    """It means what it means in RE2."""

    @pytest.mark.parametrize(
        ("pattern", "text"),
        [
            ("b", "abc"),
            ("^a.c$", "abc"),
            ("(?m)^b$", "a\nb\nc"),
            ("(?i)ABC", "abc"),
            (r"(?P<x>a)(?<y>b)", "ab"),
            (r"a\z", "a"),
            (r"\$$", "a$"),
            (r"[$)(]", "("),
            (r"[]a]+", "]"),
            (r"[^]a]", "b"),
            (r"[\]a]", "]"),
            ("[[:digit:]]{2}", "12"),
            ("[[:alpha:]_]", "_"),
            ("[[:space:][:punct:]]", "!"),
            ("[[a]", "["),
            ("[a--]", "-"),
            ("(?:a+b)?", ""),
            ("(a|b)*", "ab"),
            (r"(\d{1,3}\.){3}", "127.0.0."),
            ("[a-z]+@([a-z]+[.]){1,3}com", "me@a.b.com"),
            ("(?s)a.b", "a\nb"),
        ],
    )
    def test_is_found(self, pattern, text):
        assert is_found([compiled(pattern)], text)

    @pytest.mark.parametrize(
        ("pattern", "text"),
        [("a$", "a\n"), (r"\d", "٣"), (r"\w", "é"), ("a.b", "a\nb"), (r"[[:^digit:]]", "1")],
    )
    def test_is_not_found(self, pattern, text):
        assert not is_found([compiled(pattern)], text)

    def test_is_looked_for_in_the_beginning_of_what_is_long(self):
        text = "x" * TEXT_CHARS_MAX + "y"

        assert is_found([compiled("x")], text)
        assert not is_found([compiled("y")], text)


class TestAnExpressionThatIsRefused:
    """It is none of RE2's, or Python might never come to an end with it."""

    @pytest.mark.parametrize(
        ("pattern", "why"),
        [
            ("(", "it is no regular expression"),
            (")", "a \\) too many"),
            ("[", "it is no regular expression"),
            ("a**", "it is no regular expression"),
            (r"\Qa\E", "it is no regular expression"),
            ("\\", "it is no regular expression"),
            ("(?=a)", r"RE2 has no \(\?="),
            ("(?!a)", r"RE2 has no \(\?!"),
            ("(?<=a)", r"RE2 has no \(\?<="),
            ("(?<!a)", r"RE2 has no \(\?<!"),
            ("(a)(?P=x)", r"RE2 has no \(\?P="),
            (r"(a)\1", "RE2 has no references back"),
            ("(a+)+", "it repeats endlessly what repeats endlessly"),
            ("(a*)*b", "it repeats endlessly what repeats endlessly"),
            ("((a+)b)+", "it repeats endlessly what repeats endlessly"),
            ("(?:a{2,}){2,}", "it repeats endlessly what repeats endlessly"),
            ("(a+){1,99}", "it repeats endlessly what repeats endlessly"),
            ("a" * (PATTERN_CHARS_MAX + 1), f"more than {PATTERN_CHARS_MAX} characters"),
        ],
    )
    def test_says_why(self, pattern, why):
        with pytest.raises(ValueError, match=why):
            compiled(pattern)

    def test_leaves_the_others(self):
        section = section_of({"k": "v"})

        found = read_all(section, "k", ("(", "a"))

        assert [pattern.pattern for pattern in found] == ["a"]
        (complaint,) = section.remarks.complaints
        assert complaint.startswith("f:2: processors.x.k has '(', which cannot be used: ")
        assert complaint.endswith("; it is ignored")


class TestAListOfThem:
    """Commas are of the expressions."""

    def test_may_be_a_single_one(self):
        assert PATTERNS.convert(node_of("a{1,2}")) == ("a{1,2}",)

    def test_may_be_several(self):
        assert PATTERNS.convert(node_of(["a", 1])) == ("a", "1")

    def test_has_no_parts(self):
        with pytest.raises(ValueError, match=r"^$"):
            PATTERNS.convert(node_of([["a"]]))

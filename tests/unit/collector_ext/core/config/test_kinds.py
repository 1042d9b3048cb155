"""What values may be, and what is made of them."""

from __future__ import annotations

import pytest

from collector_ext.core.config import kinds
from collector_ext.core.config.kinds import duration_s
from collector_ext.core.config.node import scalar
from tests.fakes.documents import members


class TestADuration:
    """Is written as Go writes it."""

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("200ms", 0.2),
            ("1m30s", 90.0),
            ("0.2s", 0.2),
            ("1h1m1s", 3661.0),
            ("+5s", 5.0),
            ("100us", 1e-4),
            ("100µs", 1e-4),
            ("10ns", 1e-8),
            ("0", 0.0),
            ("1m5ms", 60.005),
        ],
    )
    def test_is_seconds(self, text, seconds):
        assert duration_s(text) == pytest.approx(seconds)

    @pytest.mark.parametrize("text", ["", " ", "5", "s", "5 s", "5sec", "-5s", "1d", "5s5", "ms5"])
    def test_needs_numbers_and_units(self, text):
        with pytest.raises(ValueError):  # noqa: PT011 - what all converters raise
            duration_s(text)


class TestAValue:
    """Becomes what its key's kind says."""

    @pytest.mark.parametrize(
        ("kind", "text", "value"),
        [
            (kinds.TEXT, "a: 1.2", "1.2"),
            (kinds.TEXT, "a: true", "true"),
            (kinds.FLAG, "a: true", True),
            (kinds.FLAG, "a: 'True'", True),
            (kinds.FLAG, "a: 'false'", False),
            (kinds.INTEGER, "a: 12", 12),
            (kinds.INTEGER, "a: '12'", 12),
            (kinds.NUMBER, "a: 12.5", 12.5),
            (kinds.COUNT, "a: 1", 1),
            (kinds.DURATION, "a: 5s", 5.0),
            (kinds.SIZE, "a: 20971520", 20971520),
            (kinds.SIZE, "a: 20MiB", 20971520),
            (kinds.SIZE, "a: 1.5 kB", 1500),
            (kinds.VALUE, "a: 1.5", 1.5),
            (kinds.VALUE, "a: yes", "yes"),
            (kinds.TEXTS, "a: [b, 1]", ("b", "1")),
            (kinds.TEXTS, "a: b, c", ("b", "c")),
            (kinds.TEXT_MAP, "a: {b: 1, c: d}", {"b": "1", "c": "d"}),
            (kinds.TEXT_MAP, "a: [{name: b, value: 1}]", {"b": "1"}),
            (kinds.one_of("b", "c"), "a: b", "b"),
        ],
    )
    def test_is_converted(self, kind, text, value):
        assert kind.convert(members(text)["a"]) == value

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            (kinds.TEXT, "a: {b: c}"),
            (kinds.FLAG, "a: yes"),
            (kinds.INTEGER, "a: 1.5"),
            (kinds.NUMBER, "a: b"),
            (kinds.NUMBER, "a: inf"),
            (kinds.NUMBER, "a: nan"),
            (kinds.COUNT, "a: 0"),
            (kinds.COUNT, "a: 1.5"),
            (kinds.VALUE, "a: [b]"),
            (kinds.TEXTS, "a: {b: c}"),
            (kinds.TEXTS, "a: [[b]]"),
            (kinds.TEXT_MAP, "a: b"),
            (kinds.TEXT_MAP, "a: [{name: b}]"),
            (kinds.TEXT_MAP, "a: [b]"),
            (kinds.one_of("b", "c"), "a: d"),
            (kinds.mapping(()), "a: b"),
            (kinds.mappings(()), "a: {b: c}"),
            (kinds.mappings(()), "a: [b]"),
        ],
    )
    def test_of_another_kind_is_refused(self, kind, text):
        with pytest.raises(ValueError):  # noqa: PT011 - what all converters raise
            kind.convert(members(text)["a"])

    def test_of_an_unknown_unit_is_refused(self):
        with pytest.raises(KeyError):
            kinds.SIZE.convert(scalar("5 miles", 1))

    def test_of_any_kind_is_the_node_itself(self):
        node = scalar("b", 1)

        assert kinds.ANYTHING.convert(node) is node


class TestWhatIsShown:
    """Of a value is what it is, shortened, unless it is a secret."""

    @pytest.mark.parametrize(
        ("kind", "text", "shown"),
        [
            (kinds.TEXT, "a: b", "'b'"),
            (kinds.TEXT, "a: {b: c}", "the mapping"),
            (kinds.TEXT, "a: [b]", "the list"),
            (kinds.TEXT, f"a: {'b' * 50}", f"'{'b' * 40}…'"),
            (kinds.SECRET, "a: b", "the value"),
        ],
    )
    def test_tells_it_again(self, kind, text, shown):
        assert kinds.shown(members(text)["a"], kind) == shown


class TestAnIgnoredKey:
    """Says why it means nothing."""

    def test_has_its_reason_as_its_meaning(self):
        assert kinds.ignored("a", "there is none") == kinds.Key(
            "a", kinds.IGNORED, None, "there is none"
        )

"""What the scalars of a document are."""

from __future__ import annotations

import pytest

from collector_ext.core.config.node import Node, scalar


class TestAScalar:
    """Has the type that YAML 1.2 gives its text, and keeps the text."""

    @pytest.mark.parametrize(
        ("text", "content"),
        [
            ("", None),
            ("~", None),
            ("null", None),
            ("true", True),
            ("FALSE", False),
            ("yes", "yes"),
            ("on", "on"),
            ("12", 12),
            ("-7", -7),
            ("0x1F", 31),
            ("0o17", 15),
            ("010", 10),
            ("1.2", 1.2),
            ("1e3", 1000.0),
            ("1_000", "1_000"),
            ("1.2.3", "1.2.3"),
            ("12:30", "12:30"),
            ("nan", "nan"),
            ("0xZZ", "0xZZ"),
        ],
    )
    def test_is_typed(self, text, content):
        assert scalar(text, 3) == Node(content, text, 3)

    def test_in_quotes_is_a_text(self):
        assert scalar("12", 3, is_plain=False) == Node("12", "12", 3)


class TestAMapping:
    """Is also what nothing at all can be read as."""

    def test_has_members(self):
        members = {"a": scalar("1", 1)}

        assert Node(members, None, 1).mapping == members

    def test_may_be_empty(self):
        assert scalar("", 1).mapping == {}

    @pytest.mark.parametrize("node", [scalar("a", 1), Node((), None, 1)])
    def test_is_not_a_list_or_a_text(self, node):
        assert node.mapping is None

    def test_is_no_scalar(self):
        assert [n.is_scalar for n in (Node({}, None, 1), Node((), None, 1), scalar("", 1))] == [
            False,
            False,
            True,
        ]

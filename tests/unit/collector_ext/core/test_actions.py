"""Orders are told apart by their type alone."""

from __future__ import annotations

from collector_ext.core.actions import AskNext, Exit


def test_two_orders_without_content_are_not_the_same():
    assert AskNext() != Exit()

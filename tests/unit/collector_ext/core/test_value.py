"""What values are to each other."""

from __future__ import annotations

import pytest

from collector_ext.core.value import Value


class Order(Value):
    """A value with two fields."""

    what: str
    count: int


class UrgentOrder(Order):
    """One with a third."""

    hours: int


class Empty(Value):
    """A value without fields."""


class AlsoEmpty(Value):
    """Another one."""


class TestAValue:
    """It is its type and its content, and stays so."""

    def test_fields_are_given_in_order_or_by_name(self):
        assert Order("tea", 2) == Order("tea", count=2) == Order(what="tea", count=2)

    def test_another_content_is_another_value(self):
        assert Order("tea", 2) != Order("tea", 3)

    def test_values_of_two_types_are_never_equal(self):
        assert Empty() != AlsoEmpty()

    def test_equal_values_are_one_key(self):
        assert {Order("tea", 2): "found"}[Order("tea", 2)] == "found"

    def test_fields_of_what_it_derives_from_come_first(self):
        urgent = UrgentOrder("tea", 2, 1)

        assert urgent == UrgentOrder(what="tea", count=2, hours=1)
        assert urgent != Order("tea", 2)

    def test_it_cannot_be_changed(self):
        order = Order("tea", 2)

        with pytest.raises(AttributeError, match=r"Order\.count cannot be changed"):
            order.count = 3  # type: ignore[misc]  # that is the test

    def test_no_field_may_be_left_out(self):
        with pytest.raises(AssertionError, match="Order has"):
            Order("tea")  # type: ignore[call-arg]  # that is the test

    def test_it_shows_its_content(self):
        assert repr(Order("tea", 2)) == "Order(what='tea', count=2)"

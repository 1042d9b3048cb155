"""What an invocation is estimated to cost."""

from __future__ import annotations

import pytest

from collector_ext.core.platform.price import Prices, prices_from

PRICES = Prices(per_gb_second=2.0, per_request=0.5)


class TestACost:
    """A price for the request, and one for memory by time."""

    @pytest.mark.parametrize("kind", ["on-demand", "snap-start", ""])
    def test_is_that_of_both(self, kind):
        assert PRICES.cost(kind, 3.0, 512) == 0.5 + 3.0 * 0.5 * 2.0

    @pytest.mark.parametrize("kind", ["provisioned-concurrency", "lambda-managed-instances"])
    def test_is_not_known_where_environments_are_paid_for(self, kind):
        assert PRICES.cost(kind, 3.0, 512) is None


class TestThePrices:
    """AWS's own, unless the operator knows better."""

    @pytest.mark.parametrize(
        ("architecture", "price"),
        [("x86_64", 0.0000166667), ("arm64", 0.0000133334), ("riscv", 0.0000166667)],
    )
    def test_depend_on_the_processor(self, architecture, price):
        assert prices_from({}, architecture) == (Prices(price, 0.0000002), [])

    def test_can_be_set(self):
        variables = {"OTEL_LAYER_PRICE_GB_SECOND": " 1e-5", "OTEL_LAYER_PRICE_REQUEST": "0"}

        assert prices_from(variables, "x86_64") == (Prices(0.00001, 0.0), [])

    @pytest.mark.parametrize("text", ["free", "-1", "inf", "nan"])
    def test_that_are_none_are_said(self, text):
        prices, remarks = prices_from({"OTEL_LAYER_PRICE_REQUEST": text}, "x86_64")

        assert prices.per_request == 0.0000002
        said = f"OTEL_LAYER_PRICE_REQUEST={text!r} is not a price; using 0.0000002000"
        assert remarks == [said]

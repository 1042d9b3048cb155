"""What an invocation is estimated to cost.

An estimate: AWS's prices differ between regions, fall with volume and change; a free tier,
savings plans, and what SnapStart, response streaming and storage cost are not in it. Without a
price there is none: provisioned concurrency and Managed Instances are paid for by the time that
they are there, whether invoked or not.

Source: https://aws.amazon.com/lambda/pricing/, US East (N. Virginia), the first tier, as of
May 2026. The prices have been these since 2020 (x86_64) and 2021 (arm64).
"""

from __future__ import annotations

from collector_ext.core.platform.startup import ON_DEMAND, SNAP_START
from collector_ext.core.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

GB_SECOND = "OTEL_LAYER_PRICE_GB_SECOND"
REQUEST = "OTEL_LAYER_PRICE_REQUEST"

USD_PER_GB_SECOND = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
USD_PER_REQUEST = 0.0000002

_MB_PER_GB = 1024
_PAID_BY_USE = ("", ON_DEMAND, SNAP_START)


class Prices(Value):
    """In US dollars, or in whatever the operator counts."""

    per_gb_second: float
    per_request: float

    def cost(self, initialization_type: str, billed_s: float, memory_mb: float) -> float | None:
        """Return what an invocation cost; None where it is not paid for by its duration.

        Args:
            initialization_type: Of its environment; empty where it is not known.
            billed_s: What Lambda bills.
            memory_mb: What the function is configured with.
        """
        if initialization_type not in _PAID_BY_USE:
            return None
        return self.per_request + billed_s * memory_mb / _MB_PER_GB * self.per_gb_second


def prices_from(variables: Mapping[str, str], architecture: str) -> tuple[Prices, list[str]]:
    """Return the prices, and a sentence for each variable that could not be used.

    Args:
        variables: Of the function.
        architecture: One of ``USD_PER_GB_SECOND``; any other one is priced as x86_64.
    """
    remarks: list[str] = []
    default = USD_PER_GB_SECOND.get(architecture, USD_PER_GB_SECOND["x86_64"])
    prices = Prices(
        per_gb_second=_price(variables, GB_SECOND, default, remarks),
        per_request=_price(variables, REQUEST, USD_PER_REQUEST, remarks),
    )
    return prices, remarks


def _price(variables: Mapping[str, str], name: str, default: float, remarks: list[str]) -> float:
    text = variables.get(name, "").strip()
    if not text:
        return default
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if 0 <= price < float("inf"):
        return price
    remarks.append(f"{name}={text!r} is not a price; using {default:.10f}")
    return default

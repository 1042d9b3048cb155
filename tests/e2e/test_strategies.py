"""Each flush strategy, end to end: when data leaves, what waits for it, what a freeze leaves."""

from __future__ import annotations

import pytest

from tests.e2e.strategies import (
    AT_ITS_END,
    AT_SHUTDOWN,
    EARLY_3,
    IN_ITS_COURSE,
    IN_THE_NEXT,
    NOTHING,
    ROOT_1,
    ROOT_2,
    ROOT_3,
    STRATEGIES,
    THE_EXPORT,
    Facts,
    observe,
)

AT_THE_END = Facts(
    trace=AT_ITS_END,
    early_span=AT_ITS_END,
    last_trace=AT_ITS_END,
    invocation_waits_for=THE_EXPORT,
    left_behind=((), (), ()),
)
"""Everything is out before the freeze, and on the function's bill."""

WITH_THE_NEXT = Facts(
    trace=IN_THE_NEXT,
    early_span=AT_SHUTDOWN,
    last_trace=AT_SHUTDOWN,
    invocation_waits_for=NOTHING,
    left_behind=((ROOT_1,), (ROOT_2,), (EARLY_3, ROOT_3)),
)
"""Exports run beside the next invocation, whenever that is."""

AT_INTERVALS = Facts(
    trace=IN_THE_NEXT,
    early_span=IN_ITS_COURSE,
    last_trace=AT_SHUTDOWN,
    invocation_waits_for=NOTHING,
    left_behind=((ROOT_1,), (ROOT_2,), (ROOT_3,)),
)
"""Exports run beside invocations, and long ones need not end for that."""

EXPECTED = {
    "end": AT_THE_END,
    "next": WITH_THE_NEXT,
    "periodic": AT_INTERVALS,
    "continuous": AT_INTERVALS,
    "adaptive, seldom invoked": AT_THE_END,
    "adaptive, often invoked": AT_INTERVALS,
}


class TestAStrategy:
    """It decides when data leaves, and nothing else: all of it arrives, once."""

    @pytest.mark.parametrize("name", STRATEGIES)
    def test_does_as_documented(self, story, name):
        assert observe(name, story) == EXPECTED[name]

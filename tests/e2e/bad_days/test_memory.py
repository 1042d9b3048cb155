"""A function that says far more than waits for an endpoint which is away."""

from __future__ import annotations

import json

import pytest

from tests.e2e.test_faults import closed_port
from tests.fakes.scripted_endpoint import HTTP, variables_for

MIB = 1024 * 1024

BODY_COUNT = 100
BODY_BYTES = 1_000_000

BASE_BYTES = 12 * MIB
"""The collector after an export of almost nothing: 9 to 10 MiB on CPython 3.10 to 3.13."""

BUFFER_BYTES = 8 * MIB
"""The default of OTEL_LAYER_BUFFER_SIZE."""

REQUEST_BYTES = 3 * 4 * MIB
"""One merged request (OTEL_LAYER_REQUEST_SIZE is 4 MiB less a little), as it is joined, as it is
compressed, which here saves nothing, and with its head before it."""

RECEIVED_BYTES = 3 * MIB
"""A body that is being received: as it came, taken out, and what the kernel held of the next."""

ALLOCATOR_BYTES = 2 * MIB
"""What lies free between them."""

PEAK_BYTES_MAX = BASE_BYTES + BUFFER_BYTES + REQUEST_BYTES + RECEIVED_BYTES + ALLOCATOR_BYTES
"""37 MiB; 31 to 34 were measured. A request that is not let go after each try is 12 more."""


class TestAHundredMegabytesForAnEndpointThatRefuses:
    """The collector keeps what its buffer holds, and an account of the rest."""

    @pytest.fixture
    def flooded(self, day):
        """A day on which all of it was posted, and answered 200."""
        with closed_port() as port:
            today = day(variables_for(HTTP, port), "push.bodies", memory_mb=512)
            names = [f"span {number}" for number in range(BODY_COUNT)]
            event = json.dumps({"names": names, "size": BODY_BYTES}).encode()
            outcome = today.sandbox.invoke(event)
            assert json.loads(outcome.payload) == [200] * BODY_COUNT
            today.sandbox.wait_frozen()
            yield today

    def test_its_memory_has_a_bound(self, flooded):
        assert flooded.memory_peak_bytes < PEAK_BYTES_MAX

    def test_what_was_dropped_is_counted_to_the_last_payload(self, flooded):
        flooded.end()

        received_count = BODY_COUNT + 1  # the function's own root span
        assert flooded.counters == {
            "received": received_count,
            "exported": 0,
            "carried": 0,
            "dropped": received_count,
        }

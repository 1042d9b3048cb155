"""The environment is reset: Lambda starts new processes in it, and /tmp is as it was."""

from __future__ import annotations

import pytest

from tests.e2e.test_faults import closed_port
from tests.fakes.scripted_endpoint import HTTP, variables_for


@pytest.fixture
def reset(day, tmp_path):
    """A day with an outage during which the collector was killed; its folder, and the port.

    Two invocations were over by then; the third did not survive.
    """

    def live(**variables):
        with closed_port() as port:
            spill = {"OTEL_LAYER_SPILL_PATH": str(tmp_path / "kept"), **variables}
            today = day({**variables_for(HTTP, port), **spill}, "faults.kill_the_collector")
            waiting = [today.sandbox.invoke(b"{}").request_id for _ in range(2)]
            today.sandbox.wait_frozen()
            assert today.sandbox.invoke(b'{"kill": true}').error_type == "Extension.Crash"
        return today, waiting, port

    return live


class TestWhatWaited:
    """The next collector goes on with it, if it is told to keep it."""

    def test_is_delivered_by_the_next_collector_once(self, reset, serve):
        today, waiting, port = reset(OTEL_LAYER_SPILL_SIZE="1000000")

        endpoint = serve(HTTP, port=port)
        after = today.sandbox.invoke(b"{}").request_id
        today.end()

        accepted = endpoint.accepted_invocations
        assert [accepted.count(request_id) for request_id in (*waiting, after)] == [1, 1, 1]

    def test_is_gone_with_the_collector_otherwise(self, reset, serve):
        today, waiting, port = reset()

        endpoint = serve(HTTP, port=port)
        after = today.sandbox.invoke(b"{}").request_id
        today.end()

        accepted = endpoint.accepted_invocations
        assert [accepted.count(request_id) for request_id in (*waiting, after)] == [0, 0, 1]

"""What several modules here begin with."""

from __future__ import annotations

import pytest

from lambda_sandbox.edge.loop import Loop


@pytest.fixture
def loop():
    """A loop that is closed afterwards."""
    running = Loop()
    yield running
    running.close()

"""What several modules here begin with."""

from __future__ import annotations

import contextlib

import pytest

from lambda_sandbox.edge.loop import Loop
from tests.fakes.sandbox_stories import layer_with


@pytest.fixture
def layer_of(tmp_path):
    """Build a layer that holds the named extensions."""
    return lambda *names: layer_with(tmp_path / "layer", names)


@pytest.fixture
def stack():
    """Holds everything that must be closed after the test."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def loop():
    """A loop that is closed afterwards."""
    running = Loop()
    yield running
    running.close()

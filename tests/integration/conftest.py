"""What several modules here begin with."""

from __future__ import annotations

import pytest

from tests.fakes.sandbox_stories import layer_with


@pytest.fixture
def layer_of(tmp_path):
    """Build a layer that holds the named extensions."""
    return lambda *names: layer_with(tmp_path / "layer", names)

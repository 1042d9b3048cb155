"""The few words that events have of their own."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.events import ProcessExited, extension_process


class TestAProcess:
    """Is named like its file, and succeeded only with status 0."""

    def test_of_an_extension_has_its_files_name(self):
        assert extension_process("listener") == "extensions/listener"

    @pytest.mark.parametrize(
        ("status", "succeeded"),
        [("exit status 0", True), ("exit status 1", False), ("signal: killed", False)],
    )
    def test_succeeds_with_status_0(self, status, succeeded):
        assert ProcessExited("runtime", status).succeeded is succeeded

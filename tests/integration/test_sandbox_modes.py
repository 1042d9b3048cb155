"""Another environment in the place of one, and types of initialisation that there are not."""

from __future__ import annotations

import pytest

from lambda_sandbox.core.function import (
    MANAGED_INSTANCES,
)
from lambda_sandbox.sandbox import Sandbox, SandboxError
from tests.conformance.modes import function, records, result
from tests.fakes.sandbox_stories import layer_with


class TestAnotherEnvironment:
    """Lambda ends what was idle for long, and makes a new one when it is needed."""

    def test_is_initialised_anew(self, tmp_path):
        layer = layer_with(tmp_path, ("minimal",))
        with Sandbox(function("on-demand", layer=layer)) as sandbox:
            first = result(sandbox.invoke())
            extension = sandbox.extension_pids["minimal"]
            sandbox.recycle()
            second = result(sandbox.invoke())

            assert first["pid"] != second["pid"]
            assert sandbox.extension_pids["minimal"] != extension
        assert [start["phase"] for start in records(sandbox, "initStart")] == ["init", "init"]

    def test_is_not_made_before_it_is_needed(self):
        with Sandbox(function("on-demand")) as sandbox:
            sandbox.invoke()
            sandbox.recycle()

            assert sandbox.runtime_pid is None
            sandbox.recycle()
            assert sandbox.init().status == "success"


class TestATypeOfInitialisation:
    """It is refused before anything is started, if there is none such."""

    def test_is_one_of_four(self):
        with pytest.raises(SandboxError, match="'warm': it is one of on-demand, provisioned"):
            Sandbox(function("warm"))

    @pytest.mark.parametrize("workers", [0, 1601])
    def test_has_some_workers(self, workers):
        with pytest.raises(SandboxError, match=f"1 to 1600 workers, not {workers}"):
            Sandbox(function(MANAGED_INSTANCES, max_concurrency=workers))

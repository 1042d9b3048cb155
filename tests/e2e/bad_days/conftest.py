"""Environments and endpoints for bad days, in both protocols of OTLP."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from tests.e2e.bad_days.day import Day
from tests.fakes.scripted_endpoint import GRPC, HTTP, ScriptedEndpoint

LIBRARIES = Path(str(grpc.__file__)).parents[1]
"""Where `grpcio` is."""


@pytest.fixture(scope="session")
def full_layer(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built layer, with the `grpcio` of these tests: what the full layer has."""
    full = tmp_path_factory.mktemp("full") / "layer"
    shutil.copytree(layer, full)
    for name in ("grpc", "typing_extensions.py"):
        (full / "collector-lib" / name).symlink_to(LIBRARIES / name)
    return full


@pytest.fixture(params=[HTTP, GRPC], ids=["http", "grpc"])
def protocol(request) -> str:
    """Each of those that the collector exports in."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def stack():
    """Holds everything that must be closed after the test, environments first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(stack):
    """Run an endpoint, as ``ScriptedEndpoint`` is told; it ends after its environments."""

    def start(protocol, *args, **kwargs):
        return stack.enter_context(ScriptedEndpoint(protocol, *args, **kwargs))

    return start


@pytest.fixture
def day(stack, run, layer, full_layer):  # noqa: ARG001  # closed after what runs
    """Begin a day: an environment whose collector has these variables.

    The deadline of an invocation is far away, unless the test says otherwise.
    """

    def begin(variables, handler="app.greet", *, timeout_s=20.0, **kwargs) -> Day:
        is_grpc = variables["OTEL_EXPORTER_OTLP_PROTOCOL"] == GRPC
        chosen = full_layer if is_grpc else layer
        return Day(run(handler, variables, layer=chosen, timeout_s=timeout_s, **kwargs))

    return begin

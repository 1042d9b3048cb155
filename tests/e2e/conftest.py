"""The built layer, the real runtime client, real processes: what a user of the layer runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from lambda_sandbox.sandbox import Function, Sandbox
from tests.fakes.http_service import HttpService

ROOT = Path(__file__).resolve().parents[2]
STORIES = Path(__file__).parent / "tasks" / "stories"
HELLO = ROOT / "examples" / "hello"


@pytest.fixture(scope="session")
def layer() -> Path:
    """``dist/layer``, as ``make layer`` built it from these sources."""
    built = ROOT / "dist" / "layer"
    assert built.is_dir(), "make layer builds what these tests run"
    return built


@pytest.fixture
def endpoint() -> Iterator[OtlpEndpoint]:
    """A remote OTLP endpoint that accepts everything and remembers it."""
    with OtlpEndpoint() as running:
        yield running


@pytest.fixture
def http_service() -> Iterator[HttpService]:
    """The HTTP service that the function calls."""
    with HttpService() as running:
        yield running


@pytest.fixture
def example(layer: Path, http_service: HttpService):
    """Build the example function, observed by the layer, with some variables more."""

    def build(**variables: str) -> Function:
        return Function(
            task=HELLO,
            handler="app.handler",
            layer=layer,
            environ={
                "AWS_LAMBDA_EXEC_WRAPPER": f"{layer}/otel-instrument",
                "OTEL_LAYER_RECEIVER_PORT": "0",
                "SERVICE_URL": http_service.url,
                **variables,
            },
            name="hello",
            memory_mb=256,
            python=Path(sys.executable),
        )

    return build


@pytest.fixture
def story(layer: Path):
    """Build a function of ``tasks/stories``: observed by the layer unless told otherwise."""

    def build(handler: str, environ=None, *, layer=layer, **kwargs) -> Function:
        wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": f"{layer}/otel-instrument"} if layer else {}
        return Function(
            task=kwargs.pop("task", STORIES),
            handler=handler,
            layer=layer,
            environ={"OTEL_LAYER_RECEIVER_PORT": "0", **wrapper, **(environ or {})},
            name=kwargs.pop("name", "story"),
            python=Path(sys.executable),
            **kwargs,
        )

    return build


@pytest.fixture
def run(story):
    """Run one function in an environment of its own and shut it down at the end of the test."""
    running: list[Sandbox] = []

    def start(handler: str, environ=None, *, telemetry=True, **kwargs) -> Sandbox:
        sandbox = Sandbox(story(handler, environ, **kwargs), telemetry=telemetry)
        sandbox.__enter__()
        running.append(sandbox)
        return sandbox

    yield start
    for sandbox in reversed(running):
        sandbox.__exit__(None, None, None)

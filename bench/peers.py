"""The function's HTTP service and the remote endpoint, in a process of their own.

In the process of the sandbox they would share its interpreter lock, and the function would be
measured waiting for the endpoint to decode its spans.
"""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from tests.fakes.http_service import HttpService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection


@contextmanager
def peers() -> Iterator[dict[str, str]]:
    """Run both; give the variables by which a function knows them."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        service, endpoint = ours.recv()
        yield {"SERVICE_URL": service, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    finally:
        ours.send(None)
        process.join()


def _serve(connection: Connection) -> None:
    with HttpService() as service, OtlpEndpoint() as endpoint:
        connection.send((service.url, endpoint.url))
        connection.recv()

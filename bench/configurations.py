"""The ways to configure the collector that are measured, each beside one with less."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from bench.remotes import Remotes

DOCUMENTS = Path(__file__).with_name("documents")

HAS_BOTOCORE = importlib.util.find_spec("botocore") is not None

PACKAGES = Path(sysconfig.get_path("platlib"))
"""Of this interpreter: `grpcio` and botocore are taken from there."""


class Configuration(NamedTuple):
    """One way to configure the collector.

    Attributes:
        name: In the head of a column.
        title: What it has that the one beside it has not.
        beside: The name of that one; empty for the first.
        layer: The root of the layer.
        environ: All variables of the process but AWS_LAMBDA_RUNTIME_API.
    """

    name: str
    title: str
    beside: str
    layer: Path
    environ: dict[str, str]

    @property
    def extension(self) -> Path:
        """The file Lambda starts."""
        return self.layer / "extensions" / "collector_ext"


DEFAULT = "default"


def configurations(
    python: Path, layer: Path, remotes: Remotes, folder: Path
) -> list[Configuration]:
    """Return all; the one that another stands beside comes first.

    Args:
        python: The interpreter that runs the collector.
        layer: The root of the slim layer.
        remotes: What is exported to.
        folder: An empty one, for what has to be laid out.
    """
    full = lay_out_full(layer, folder / "layer-full")
    common = {
        "PATH": f"{lay_out_runtime(python, folder / 'runtime')}:/usr/bin:/bin",
        "OTEL_LAYER_RECEIVER_PORT": "0",
    }
    endpoint, document = "OTEL_EXPORTER_OTLP_ENDPOINT", "OPENTELEMETRY_COLLECTOR_CONFIG_URI"
    http = {**common, endpoint: remotes.http}
    https = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(remotes.authority), endpoint: remotes.https}
    grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", endpoint: remotes.grpc}
    plain = {**common, "REMOTE": remotes.http, document: str(DOCUMENTS / "plain.yaml")}
    sampled = {document: str(DOCUMENTS / "tail_sampling.yaml")}
    signed = {document: str(DOCUMENTS / "sigv4.yaml"), **CREDENTIALS}
    found = [
        Configuration(DEFAULT, "an endpoint and nothing else", "", layer, http),
        Configuration("https", "TLS", DEFAULT, layer, {**common, **https}),
        Configuration("grpc", "OTLP over gRPC, in the full layer", DEFAULT, full, common | grpc),
        Configuration("yaml", "a Collector's document", DEFAULT, layer, plain),
        Configuration("sampled", "tail_sampling in it", "yaml", layer, {**plain, **sampled}),
    ]
    if HAS_BOTOCORE:
        found.append(Configuration("signed", "sigv4auth in it", "yaml", layer, {**plain, **signed}))
    return found


GRPC = ("grpc", "typing_extensions.py")
"""What the full layer has beside the slim one."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
"""The signature is made, and nobody checks it."""


def lay_out_runtime(python: Path, root: Path) -> Path:
    """Lay out an interpreter with botocore beside it, as ``/var/lang`` is; return its ``bin``."""
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "python3").symlink_to(python)
    library = root / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library.mkdir(parents=True)
    (library / "site-packages").symlink_to(PACKAGES)
    return root / "bin"


def lay_out_full(layer: Path, root: Path) -> Path:
    """Lay out what the collector needs of the full layer; return its root."""
    (root / "extensions").mkdir(parents=True)
    (root / "extensions" / "collector_ext").symlink_to(layer / "extensions" / "collector_ext")
    (root / "collector_ext").symlink_to(layer / "collector_ext")
    (root / "collector-lib").mkdir()
    for name in GRPC:
        (root / "collector-lib" / name).symlink_to(PACKAGES / name)
    return root

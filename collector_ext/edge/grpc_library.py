"""The only importer of `grpcio`: a sender or receiver over gRPC is configured, or it is absent.

The full layer carries it in ``collector-lib/``, beside ``collector_ext/``: a folder that is on
the collector's path alone, so that the function never meets a second `grpcio`.

Importing it costs 60 ms of CPU, and with the first call a collector of 11 MB has become one of
35 MB (CPython 3.13, grpcio 1.85, x86_64). Half of the time is `asyncio`, which the library
imports though nothing here uses it.
"""

from __future__ import annotations

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FOLDER = "collector-lib"

_LAYER_ROOT = __file__.rsplit("/", 3)[0]

_VERBOSITY = b"GRPC_VERBOSITY"


class UnusableError(ValueError):
    """Something cannot be used; the text is one clause that says why, and never a secret."""


def load() -> Any:  # noqa: ANN401 - the library has no types
    """Return the module ``grpc``.

    Raises:
        UnusableError: This layer does not carry it, or carries that of another platform.
    """
    folder = f"{_LAYER_ROOT}/{FOLDER}"
    if folder not in sys.path:
        sys.path.append(folder)
    if _VERBOSITY not in posix.environ:
        # The library is C and writes to stderr, several lines for each connection refused.
        # What there is to say is said by the log, once.
        posix.putenv(_VERBOSITY, b"NONE")
    try:
        return __import__("grpc")
    except ModuleNotFoundError as fault:
        if fault.name != "grpc":
            raise UnusableError(_broken(fault)) from fault
        message = "OTLP over gRPC needs grpcio, which only the full layer carries: use that "
        message += "layer, or http/protobuf"
        raise UnusableError(message) from None
    except ImportError as fault:
        raise UnusableError(_broken(fault)) from fault


def _broken(fault: ImportError) -> str:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = f"the grpcio of this layer was built for another Python than {version}"
    return f"{found}, or another processor ({fault})"

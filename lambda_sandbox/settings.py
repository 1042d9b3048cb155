"""The only reader of the host's environment: where the sandbox keeps what it downloaded."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return ``$LAMBDA_SANDBOX_CACHE``, or ``~/.cache/lambda_sandbox``."""
    named = os.environ.get("LAMBDA_SANDBOX_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "lambda_sandbox"

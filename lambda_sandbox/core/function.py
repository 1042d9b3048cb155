"""What is known about the function before it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """A function, as the platform's APIs and variables name it.

    Attributes:
        name: Its name.
        version: ``$LATEST`` or a number.
        handler: ``app.handler``.
        memory_mb: Its memory size.
        timeout_s: Its timeout, extensions included.
        python_version: Such as ``3.13``.
        log_stream: Names this environment; also telemetry's ``instanceId``.
    """

    name: str
    version: str
    handler: str
    memory_mb: int
    timeout_s: float
    python_version: str
    log_stream: str
    region: str = "us-east-1"
    account_id: str = "123456789012"  # the one of AWS's documentation

    @property
    def arn(self) -> str:
        """The invoked function's ARN; qualified unless the version is ``$LATEST``."""
        arn = f"arn:aws:lambda:{self.region}:{self.account_id}:function:{self.name}"
        return arn if self.version == "$LATEST" else f"{arn}:{self.version}"

    @property
    def runtime_version(self) -> str:
        """What telemetry calls the runtime."""
        return f"python:{self.python_version}.sandbox"

    @property
    def log_group(self) -> str:
        """The log group that Lambda would make."""
        return f"/aws/lambda/{self.name}"

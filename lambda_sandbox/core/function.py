"""What is known about the function before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

InitializationType = Literal[
    "on-demand", "provisioned-concurrency", "snap-start", "lambda-managed-instances"
]
"""How an environment comes to be; the values are those of ``AWS_LAMBDA_INITIALIZATION_TYPE``."""

ON_DEMAND: InitializationType = "on-demand"
PROVISIONED_CONCURRENCY: InitializationType = "provisioned-concurrency"
SNAP_START: InitializationType = "snap-start"
MANAGED_INSTANCES: InitializationType = "lambda-managed-instances"

MAX_CONCURRENCY_DEFAULT = 4
"""Workers of a managed instance, if nobody says otherwise.

Lambda starts 16 for each vCPU of a Python function. Each imports the function, and here they
share one machine with all else that a developer runs.
"""

MAX_CONCURRENCY_MAX = 1_600
"""Lambda's own limit, of ``PerExecutionEnvironmentMaxConcurrency``.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_LambdaManagedInstancesCapacityProviderConfig.html
"""


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
        log_format: ``Text`` or ``JSON``, as ``AWS_LAMBDA_LOG_FORMAT`` has it.
        initialization_type: How its environment comes to be.
        extensions_disabled: Whether the layer says that there are none.
        max_concurrency: How many workers a managed instance has, from 1 to
            ``MAX_CONCURRENCY_MAX``; means nothing to the other types.
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
    log_format: str = "Text"
    initialization_type: InitializationType = ON_DEMAND
    max_concurrency: int = MAX_CONCURRENCY_DEFAULT
    extensions_disabled: bool = False

    @property
    def arn(self) -> str:
        """The invoked function's ARN; qualified unless the version is ``$LATEST``."""
        return self.arn_of(self.name, "" if self.version == "$LATEST" else self.version)

    def arn_of(self, name: str, qualifier: str) -> str:
        """Return the ARN of a function beside this one; unqualified if the qualifier is empty."""
        arn = f"arn:aws:lambda:{self.region}:{self.account_id}:function:{name}"
        return f"{arn}:{qualifier}" if qualifier else arn

    @property
    def runtime_version(self) -> str:
        """What telemetry calls the runtime."""
        return f"python:{self.python_version}.sandbox"

    @property
    def runtime_version_arn(self) -> str:
        """The ARN that goes with it."""
        return f"arn:aws:lambda:{self.region}::runtime:{self.runtime_version}"

    @property
    def log_group(self) -> str:
        """The log group that Lambda would make."""
        return f"/aws/lambda/{self.name}"

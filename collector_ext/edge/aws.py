"""AWS, by the botocore that the function's runtime brings along.

Nothing of it is on our path: the collector runs isolated. It is found where Lambda's runtimes
have it, and imported when a signature or a secret is first needed, in the exporter's thread.
What that costs, roughly (2 cores, CPython 3.11, files in memory): the first signature 110 ms of
CPU and 24 MB, any other 0.1 ms; the first client 35 ms and 8 MB more, any other 2 ms.

Source: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath
"""

from __future__ import annotations

import contextlib
import posix
import sys

from collector_ext.edge import clock, files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

ABSENT = "there is no botocore in this runtime"

_CALL_S_MAX = 5.0
"""For connecting, and for an answer, each; Secrets Manager answers within 0.1 s. Never beyond
half of the time left."""

_CALL_S_MIN = 0.05


_CLAUSE_MAX = 300  # characters of what AWS says that are passed on


class AwsError(Exception):
    """A call to AWS failed, or could not be made; the message is one clause without secrets."""


def folder() -> str:
    """Return the folder that botocore is in; empty if there is none."""
    version = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    beside = sys.executable.rpartition("/bin/")[0]
    for root in ("/var/lang", sys.prefix, beside):
        if files.is_there(f"{root}/{version}/botocore/session.py"):
            return f"{root}/{version}"
    # Up to Python 3.11.
    return "/var/runtime" if files.is_there("/var/runtime/botocore/session.py") else ""


class Aws:
    """Sessions and clients of AWS, with the credentials of the environment.

    Raises:
        AwsError: There is no botocore.
    """

    def __init__(self) -> None:
        self._folder = folder()
        if not self._folder:
            raise AwsError(ABSENT)
        self._session: Any = None

    def load(self, module: str) -> Any:  # noqa: ANN401 - botocore has no types
        """Return a module of botocore."""
        with self.importable():
            return __import__(module, fromlist=["*"])

    @contextlib.contextmanager
    def importable(self) -> Iterator[None]:
        """Let botocore be found, behind the standard library; it also imports while it works."""
        sys.path.append(self._folder)
        try:
            yield
        finally:
            sys.path.remove(self._folder)

    def session(self) -> Any:  # noqa: ANN401 - as above
        """Return the session: as Lambda gives credentials, and in no other way.

        Botocore's own chain ends in the metadata service of EC2, which costs seconds where
        there is none.
        """
        if self._session is None:
            credentials = self.load("botocore.credentials")
            providers = [credentials.EnvProvider(), credentials.ContainerProvider()]
            session = self.load("botocore.session").Session()
            resolver = credentials.CredentialResolver(providers)
            session.register_component("credential_provider", resolver)
            self._session = session
        return self._session

    def client(self, service: str, region: str, deadline_at: float, **credentials: str) -> Any:  # noqa: ANN401 - as above
        """Return a client whose calls end before the deadline.

        Args:
            service: As botocore names it.
            region: Empty for the function's own.
            deadline_at: Seconds since the epoch.
            credentials: Other ones than the session's, as botocore names them.

        Raises:
            AwsError: There is no time left.
        """
        timeout_s = min((deadline_at - clock.now()) / 2, _CALL_S_MAX)
        if timeout_s < _CALL_S_MIN:
            message = "no time is left"
            raise AwsError(message)
        config = self.load("botocore.config").Config(
            connect_timeout=timeout_s, read_timeout=timeout_s, retries={"total_max_attempts": 1}
        )
        with self.importable():
            return self.session().create_client(
                service, region_name=region or own_region(), config=config, **credentials
            )


def own_region() -> str | None:
    """Return the function's region, which botocore reads from AWS_DEFAULT_REGION alone."""
    found = posix.environ.get(b"AWS_REGION") or posix.environ.get(b"AWS_DEFAULT_REGION", b"")
    return found.decode("ascii", "replace") or None


def clause(fault: Exception) -> str:
    """Return what AWS or botocore says, in one line; neither quotes what is secret."""
    # Of some faults of botocore it is there, and None.
    error = (getattr(fault, "response", None) or {}).get("Error", {})
    if error:
        text = f"{error.get('Code', 'an error')}: {error.get('Message', '')}"
    else:
        text = f"{type(fault).__name__}: {fault}"
    return text[:_CLAUSE_MAX].rstrip(":. ")

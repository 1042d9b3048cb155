"""A Collector's document, fetched from where its URI says and read with all it refers to.

Source: https://opentelemetry.io/docs/collector/configuration/#location
"""

from __future__ import annotations

import _queue
import _thread

from collector_ext.core.config import document
from collector_ext.core.config.address import shown
from collector_ext.core.config.configuration import Configuration
from collector_ext.core.config.section import Remarks
from collector_ext.core.config.substitution import FILES, Substitution
from collector_ext.core.secrets import Fault
from collector_ext.edge import clock
from collector_ext.edge.senders import table
from collector_ext.edge.yaml_document import YamlError, compose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector_ext.core.config.node import Node
    from collector_ext.edge.config_sources import Source

FETCH_TIMEOUT_S = 2.0
"""For a document or a part of it by HTTP: it is waited for before anything is exported."""

AWS_TIMEOUT_S = 5.0
"""For the same from S3 or Secrets Manager, botocore's import among it."""

REFERENCES_S_MAX = 5.0
"""After so long no further part is begun with: an invocation that has ended waits for us."""

SIZE_BYTES_MAX = 1024 * 1024
ROUNDS_MAX = 8  # of files that refer to files


class FetchError(Exception):
    """What a URI names cannot be had; the message is a clause."""


class Document:
    """One document.

    Args:
        uri: Where it is.
        variables: For its references.
        named_by: The variable that has the URI; empty for none.
        fallback: What counts when it cannot be read; None for nothing.
    """

    def __init__(
        self,
        uri: str,
        variables: Mapping[str, str],
        *,
        named_by: str,
        fallback: Source | None,
    ) -> None:
        self._uri = uri
        self._variables = variables
        self._named_by = named_by
        self._fallback = fallback
        self._root: Node | None = None
        self._reason = ""  # why it cannot be read
        self._files: dict[str, str | Fault] = {}
        self.name = shown(uri)

    def configuration(self, secrets: Mapping[str, str | Fault]) -> Configuration:
        """Return what the document says; one that cannot be read says nothing, with a remark.

        Args:
            secrets: What its references to secrets stand for, or why that is not known.
        """
        if self._root is None and not self._reason:
            try:
                self._root = compose(fetch(self._uri, self._variables))
            except (FetchError, YamlError) as fault:
                self._reason = str(fault)
        if self._root is None:
            return self._unreadable(self._reason, secrets)
        read = self._read(self._root, secrets)
        over_at = clock.now() + REFERENCES_S_MAX
        for _ in range(ROUNDS_MAX):
            missing = [ref for ref in read.secrets if ref.partition(":")[0] in FILES]
            if not missing:
                break
            for reference in missing:
                self._files[reference] = self._fetched(reference, over_at)
            read = self._read(self._root, secrets)
        return read

    def _read(self, root: Node, secrets: Mapping[str, str | Fault]) -> Configuration:
        remarks = Remarks(self.name)
        resolved = {**self._files, **secrets}
        substitution = Substitution(self._variables, resolved, compose, remarks)
        return document.read(root, substitution, remarks, table.readers())

    def _fetched(self, reference: str, over_at: float) -> str | Fault:
        if clock.now() >= over_at:
            return Fault("there is no time left to fetch it")
        try:
            return fetch(reference, self._variables)
        except FetchError as fault:
            return Fault(str(fault))

    def _unreadable(self, reason: str, secrets: Mapping[str, str | Fault]) -> Configuration:
        named = f"{self._named_by}={self.name}" if self._named_by else self.name
        if self._fallback is None:
            remark = f"{named}: {reason}; nothing is exported"
            return Configuration({}, (), None, (remark,), ignored=(), secrets=())
        read = self._fallback.configuration(secrets)
        remark = f"{named}: {reason}; the variables OTEL_EXPORTER_OTLP_... count instead"
        return Configuration(**{**read.__dict__, "remarks": (remark, *read.remarks)})


def fetch(uri: str, variables: Mapping[str, str]) -> str:
    """Return the text that a URI names.

    Raises:
        FetchError: It cannot be had.
    """
    scheme, colon, rest = uri.partition(":")
    if not colon or "/" in scheme:
        return _file(uri)
    if scheme == "file":
        return _file(rest)
    if scheme == "env":
        return _variable(rest, variables)
    if scheme == "yaml":
        return rest
    if scheme in {"http", "https"}:
        return _http(uri)
    if scheme in {"s3", "secretsmanager"}:
        return _aws(uri)
    message = f"{scheme}: is not a way to name a document here"
    raise FetchError(message)


def _file(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs 10 ms of a cold start
            return _decoded(file.read(SIZE_BYTES_MAX + 1))
    except (OSError, ValueError) as fault:
        message = f"cannot be read: {getattr(fault, 'strerror', None) or fault}"
        raise FetchError(message) from fault


def _variable(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        message = f"the variable {name} is not set"
        raise FetchError(message)
    return variables[name]


def _http(url: str) -> str:
    # In a thread: neither the resolution of a name nor an answer in drops can be given up.
    contents: _queue.SimpleQueue[bytes | str] = _queue.SimpleQueue()
    try:
        _thread.start_new_thread(lambda: contents.put(_content_or_reason(url)), ())
        content = contents.get(timeout=FETCH_TIMEOUT_S)
        if isinstance(content, bytes):
            return _decoded(content)
        reason = content
    except _queue.Empty:
        reason = f"no answer within {FETCH_TIMEOUT_S:g} s"
    except (RuntimeError, ValueError) as fault:  # There is no thread; or it is no text.
        reason = str(fault)
    message = f"cannot be fetched: {reason}"
    raise FetchError(message)


def _content_or_reason(url: str) -> bytes | str:
    """Return what is at a URL, or in a clause why that cannot be had."""
    import urllib.request  # noqa: PLC0415 - 40 ms: only when something is fetched by HTTP
    from http.client import HTTPException  # noqa: PLC0415 - as above

    try:
        request = urllib.request.Request(url)  # noqa: S310 - fetch() lets http: and https: through
        with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310
            content: bytes = answer.read(SIZE_BYTES_MAX + 1)
            return content
    except OSError as fault:
        return str(getattr(fault, "reason", None) or fault)
    except (ValueError, HTTPException) as fault:
        # Its text may quote the URL, and a password with it.
        return f"the URL or the answer is not of HTTP ({type(fault).__name__})"


def _aws(uri: str) -> str:
    from collector_ext.edge.secrets import Resolver  # noqa: PLC0415 - botocore: only when named

    answer = Resolver().resolve([uri], clock.now() + AWS_TIMEOUT_S)[uri]
    if isinstance(answer, Fault):
        message = f"cannot be read: {answer.reason}"
        raise FetchError(message)
    return answer


def _decoded(content: bytes) -> str:
    if len(content) > SIZE_BYTES_MAX:
        message = f"it is larger than {SIZE_BYTES_MAX} bytes"
        raise ValueError(message)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = "it is not UTF-8"
        raise ValueError(message) from None

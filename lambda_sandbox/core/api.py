"""The three APIs as values: an HTTP request becomes a call, or the refusal Lambda gives.

Routes, required headers and error bodies are those of Lambda's own emulator; the names of
the errors are the platform's.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_sandbox.core.http1 import Request

RESPONSE_BYTES_MAX = 6 * 1024 * 1024 + 100
"""Largest response of a handler; Lambda allows 100 bytes over its documented 6 MiB."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

JSON_TYPE = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call is answered with."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (JSON_TYPE,)


OK = Reply(202, b'{"status":"OK"}\n')
"""The answer to whatever a runtime or an extension reports."""


def refusal(status: int, error_type: str, message: str) -> Reply:
    """Return the error body that all three APIs share."""
    body = {"errorMessage": message, "errorType": error_type}
    return Reply(status, json.dumps(body, separators=(",", ":")).encode())


@dataclass(frozen=True, slots=True)
class Register:
    """``POST /extension/register``."""

    name: str
    events: tuple[str, ...]
    wants_account_id: bool = False


@dataclass(frozen=True, slots=True)
class ExtensionNext:
    """``GET /extension/event/next``: permission to freeze until there is an event."""

    identifier: str


@dataclass(frozen=True, slots=True)
class ExtensionFailed:
    """``POST /extension/init/error`` (while initialising) or ``/extension/exit/error``."""

    identifier: str
    initialising: bool
    error_type: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """``PUT /telemetry``; the body is checked by the subscription itself."""

    identifier: str
    body: bytes


@dataclass(frozen=True, slots=True)
class RuntimeNext:
    """``GET /runtime/invocation/next``."""


@dataclass(frozen=True, slots=True)
class InvocationResponse:
    """``POST /runtime/invocation/{id}/response``: what the handler returned."""

    request_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class InvocationError:
    """``POST /runtime/invocation/{id}/error``: what the handler raised."""

    request_id: str
    body: bytes
    error_type: str


@dataclass(frozen=True, slots=True)
class RuntimeInitError:
    """``POST /runtime/init/error``: the function could not be loaded."""

    body: bytes
    error_type: str


@dataclass(frozen=True, slots=True)
class RestoreNext:
    """``GET /runtime/restore/next``: a restored runtime is about to run its hooks."""


@dataclass(frozen=True, slots=True)
class RestoreError:
    """``POST /runtime/restore/error``: one of its hooks failed."""

    body: bytes
    error_type: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """``GET /credentials``: what a snapshot cannot hold in its variables."""

    authorization: str


@dataclass(frozen=True, slots=True)
class Ping:
    """``GET /ping``."""


Call = (
    Register
    | ExtensionNext
    | ExtensionFailed
    | Subscribe
    | RuntimeNext
    | InvocationResponse
    | InvocationError
    | RuntimeInitError
    | RestoreNext
    | RestoreError
    | Credentials
    | Ping
)

NOT_FOUND = Reply(404, b"404 page not found\n", (("Content-Type", "text/plain"),))
METHOD_NOT_ALLOWED = Reply(405, b"", ())


def read_call(request: Request) -> Call | Reply:
    """Translate one HTTP request.

    Returns:
        The call, with all that can be checked without knowing any state checked; or the
        answer that refuses it.
    """
    path = request.target.partition("?")[0]
    for method, pattern, read in _ROUTES:
        match = pattern.fullmatch(path)
        if match:
            if request.method != method:
                return METHOD_NOT_ALLOWED
            return read(request, match.groupdict())
    return NOT_FOUND


def _read_register(request: Request, _path: Mapping[str, str]) -> Call | Reply:
    name = request.headers.get("lambda-extension-name", "")
    if not name:
        return refusal(403, "Extension.InvalidExtensionName", "Empty extension name")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        return refusal(403, "InvalidRequestFormat", str(error))
    if not isinstance(body, dict) or not _is_list_of_strings(body.get("events", [])):
        return refusal(403, "InvalidRequestFormat", "events must be a list of strings")
    if "configurationKeys" in body:
        message = "configurationKeys are deprecated; use environment variables instead"
        return refusal(403, "InvalidRequestFormat", message)
    features = request.headers.get("lambda-extension-accept-feature", "").split(",")
    wants_account_id = "accountId" in [feature.strip() for feature in features]
    return Register(name, tuple(body.get("events", [])), wants_account_id)


def _is_list_of_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _identifier(request: Request) -> str | Reply:
    identifier = request.headers.get("lambda-extension-identifier", "")
    if not identifier:
        message = "Missing Lambda-Extension-Identifier header"
        return refusal(403, "Extension.MissingExtensionIdentifier", message)
    if not _UUID.fullmatch(identifier):
        message = f"Invalid Lambda-Extension-Identifier {identifier}"
        return refusal(403, "Extension.InvalidExtensionIdentifier", message)
    return identifier


def _read_extension_next(request: Request, _path: Mapping[str, str]) -> Call | Reply:
    identifier = _identifier(request)
    return identifier if isinstance(identifier, Reply) else ExtensionNext(identifier)


def _read_extension_failed(request: Request, path: Mapping[str, str]) -> Call | Reply:
    identifier = _identifier(request)
    if isinstance(identifier, Reply):
        return identifier
    header = "Lambda-Extension-Function-Error-Type"
    error_type = request.headers.get(header.lower(), "")
    if not error_type:
        return refusal(403, "Extension.MissingHeader", f"{header} not found")
    return ExtensionFailed(identifier, path["stage"] == "init", error_type)


def _read_subscribe(request: Request, _path: Mapping[str, str]) -> Call | Reply:
    identifier = _identifier(request)
    if isinstance(identifier, Reply):
        return identifier
    return Subscribe(identifier, request.body)


def _read_runtime_next(_request: Request, _path: Mapping[str, str]) -> Call | Reply:
    return RuntimeNext()


def _read_response(request: Request, path: Mapping[str, str]) -> Call | Reply:
    mode = request.headers.get("lambda-runtime-function-response-mode", "streaming")
    if mode != "streaming":
        message = f"Invalid function response mode {mode}"
        return refusal(400, "InvalidFunctionResponseMode", message)
    return InvocationResponse(path["id"], request.body)


def _error_type(request: Request) -> str:
    return request.headers.get("lambda-runtime-function-error-type", "")


def _read_error(request: Request, path: Mapping[str, str]) -> Call | Reply:
    return InvocationError(path["id"], request.body, _error_type(request))


def _read_init_error(request: Request, _path: Mapping[str, str]) -> Call | Reply:
    return RuntimeInitError(request.body, _error_type(request))


def _read_restore_next(_request: Request, _path: Mapping[str, str]) -> Call | Reply:
    return RestoreNext()


def _read_restore_error(request: Request, _path: Mapping[str, str]) -> Call | Reply:
    return RestoreError(request.body, _error_type(request))


def _read_credentials(request: Request, _path: Mapping[str, str]) -> Call | Reply:
    return Credentials(request.headers.get("authorization", ""))


def _read_ping(_request: Request, _path: Mapping[str, str]) -> Call | Reply:
    return Ping()


_ROUTES: tuple[
    tuple[str, re.Pattern[str], Callable[[Request, Mapping[str, str]], Call | Reply]], ...
] = tuple(
    (method, re.compile(pattern), read)
    for method, pattern, read in (
        ("GET", "/2018-06-01/runtime/invocation/next", _read_runtime_next),
        ("POST", "/2018-06-01/runtime/invocation/(?P<id>[^/]+)/response", _read_response),
        ("POST", "/2018-06-01/runtime/invocation/(?P<id>[^/]+)/error", _read_error),
        ("POST", "/2018-06-01/runtime/init/error", _read_init_error),
        ("GET", "/2018-06-01/runtime/restore/next", _read_restore_next),
        ("POST", "/2018-06-01/runtime/restore/error", _read_restore_error),
        ("GET", "/2021-04-23/credentials", _read_credentials),
        ("GET", "/2018-06-01/ping", _read_ping),
        ("GET", "/2020-01-01/extension/event/next", _read_extension_next),
        ("POST", "/2020-01-01/extension/register", _read_register),
        ("POST", "/2020-01-01/extension/(?P<stage>init|exit)/error", _read_extension_failed),
        ("PUT", "/2022-07-01/telemetry", _read_subscribe),
    )
)

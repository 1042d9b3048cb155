"""What runs first: register, ask for the first event, and only then load the rest.

Lambda starts the runtime when every extension has registered, so until the first ``next``
is sent this uses built-in and C modules alone. It parses on Python 3.6: where the collector
itself cannot run, it idles on ``next`` instead of taking the function down.

It reads the environment itself: settings.py is part of the rest.
"""

import _socket
import posix
import sys
import time

from collector_ext.session import FUNCTION, INVOKE, PLATFORM, SHUTDOWN, ApiError, Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OLDEST_PYTHON = (3, 10)

RECEIVER_PORT = 4318
"""OTLP/HTTP's own: https://opentelemetry.io/docs/specs/otlp/#otlphttp-default-port"""

_PORT_MAX = 65535

_BACKLOG = 128
"""Connections the kernel holds until they are accepted; the most that Linux gave before 5.4."""

_OK = 200
_NOT_SUPPORTED = 202

_PAUSE_S = (0.01, 0.05, 0.2, 1.0)
"""Between two tries to reach Lambda's API; the last for good. Shorter ones would only compete
with the function for its CPU."""


_LIVES = 3
"""A fault of ours in what one event brings must not cost the telemetry of all that follow; one
that comes with every event must not be paid for again and again."""

_NOTHING = "from here on no telemetry is exported"


class Listeners:
    """The sockets that others are told of before the extension registers.

    Attributes:
        receiver: For OTLP, on loopback.
        telemetry: For the platform, on all interfaces.
        wanted_port: The port ``receiver`` should have, and has unless it was taken.
        has_telemetry: Whether the platform will post there.
        has_function_logs: Whether it will also post what the function writes.
        remarks: What to say about all this, once there is time.
    """

    def __init__(self, receiver: _socket.socket, telemetry: _socket.socket) -> None:
        self.receiver = receiver
        self.telemetry = telemetry
        self.wanted_port = receiver.getsockname()[1]
        self.has_telemetry = False
        self.has_function_logs = False
        self.remarks: list[str] = []

    def lent(self) -> "Listeners":
        """Return the same sockets for somebody who will close them; the remarks go with them."""
        lent = Listeners(_shared(self.receiver), _shared(self.telemetry))
        lent.wanted_port, lent.has_telemetry = self.wanted_port, self.has_telemetry
        lent.has_function_logs = self.has_function_logs
        lent.remarks, self.remarks = self.remarks, []
        return lent

    def close(self) -> None:
        """Refuse clients from now on, instead of leaving them in the backlog."""
        self.receiver.close()
        self.telemetry.close()


def main(name: str) -> None:
    """Be the extension ``name`` until SHUTDOWN. Without a Lambda around it, return."""
    api = _variable("AWS_LAMBDA_RUNTIME_API")
    if not api:
        _say("AWS_LAMBDA_RUNTIME_API is not set; this file is for Lambda to start")
        return
    session = Session(api)
    reason = _reason_to_idle()
    if reason:
        # Without INVOKE events, no invocation waits for us.
        _register(session, name, (SHUTDOWN,))
        _say(reason)
    else:
        listeners = begin(session, name)
        _collect(session, listeners)
        listeners.close()
    # Nobody listens from here on, whoever wrote it: an earlier collector may have been killed.
    _remove_rendezvous(api)
    idle(session)
    # No interpreter shutdown: a worker may be in a system call, and time is short.
    posix._exit(0)  # noqa: SLF001 - its public name, `os._exit`, costs an import


def begin(session: Session, name: str) -> Listeners:
    """Bind, make the port known, register, subscribe, and send the first ``next``."""
    listeners = _listen()
    _publish_rendezvous(session.api, listeners)
    _register(session, name, (SHUTDOWN,) if _is_managed_instance() else (INVOKE, SHUTDOWN))
    try:
        _subscribe(session, listeners)
        session.ask_next()
    except ApiError as fault:
        # What is not asked for is asked for again by whoever waits for events.
        listeners.remarks.append(f"Lambda's API failed: {fault}; trying again")
    return listeners


def _subscribe(session: Session, listeners: Listeners) -> None:
    port = listeners.telemetry.getsockname()[1]
    if _variable("OTEL_LAYER_FUNCTION_LOGS").strip().lower() == "true":
        answer = session.subscribe(port, (PLATFORM, FUNCTION))
        listeners.has_telemetry = listeners.has_function_logs = answer.status == _OK
        if answer.status in (_OK, _NOT_SUPPORTED):
            return
        refusal = f"HTTP {answer.status} {answer.body[:300].decode('utf-8', 'replace')}"
        found = f"Lambda does not tell what the function writes: {refusal}"
        listeners.remarks.append(f"{found}; OTEL_LAYER_FUNCTION_LOGS has no effect")
    # 202: a local emulator without telemetry. A refusal is the same to us.
    listeners.has_telemetry = session.subscribe(port, (PLATFORM,)).status == _OK


def idle(session: Session) -> None:
    """Do nothing, rightly: ask for events until SHUTDOWN, and let every invocation go on."""
    session.set_blocking(is_blocking=True)
    failures = 0
    while not session.is_shut_down:
        try:
            if not session.awaiting_next:
                session.ask_next()
            failures = 0 if session.wait().status == _OK else failures + 1
        except ApiError:
            failures += 1
        if failures:
            _pause(failures)


def _collect(session: Session, listeners: Listeners) -> None:
    # We may lose telemetry; we never lose an invocation. An extension that exits takes the
    # function down, so whatever is wrong with the rest: say it, return, and be idled.
    try:
        from collector_ext.collector import collect  # noqa: PLC0415 - the rest, see above
    except Exception as fault:  # noqa: BLE001 - see above
        _say(f"the collector failed: {fault!r}; {_NOTHING}")
        return
    for lives_left in range(_LIVES - 1, -1, -1):
        follows = "it begins anew, without what it held" if lives_left else _NOTHING
        if _has_ended(collect, session, listeners, follows) or session.is_shut_down:
            return


def _has_ended(
    collect: "Callable[[Session, Listeners], None]",
    session: Session,
    listeners: Listeners,
    follows: str,
) -> bool:
    try:
        collect(session, listeners.lent())
    except Exception as fault:  # noqa: BLE001 - the collector's one shield
        _say(f"the collector failed: {fault!r}; {follows}")
        return False
    return True


def _reason_to_idle() -> str:
    if sys.version_info < OLDEST_PYTHON:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return f"Python {version} is not supported, 3.10 is the oldest; no telemetry is exported"
    if _variable("OTEL_SDK_DISABLED").lower() == "true":
        return "OTEL_SDK_DISABLED='true'; no telemetry is exported"
    return ""


def _register(session: Session, name: str, events: "tuple[str, ...]") -> None:
    """Register, however long it takes.

    Lambda waits for every extension that it started. One that exits fails the function's init
    just as one that never registers; but a fault that passes, and an emulator that does not
    wait for us, are survived only by staying and trying again.
    """
    failures = 0
    while True:
        try:
            answer = session.register(name, events)
            if answer.status == _OK:
                return
            refusal = f"HTTP {answer.status} {answer.body[:300].decode('utf-8', 'replace')}"
        except ApiError as fault:
            refusal = str(fault)
        if failures == 0:
            _say(f"Lambda did not register {name!r}: {refusal}; trying again")
        if "InvalidEventType" in refusal:
            events = (SHUTDOWN,)  # An environment without INVOKE, of a kind we do not know.
        failures += 1
        _pause(failures)


def _listen() -> Listeners:
    wanted_port, remark = _receiver_port()
    receiver = _bound("127.0.0.1", wanted_port) or _bound("127.0.0.1", 0)
    # All interfaces: whether Lambda reaches a loopback-only listener is not documented.
    telemetry = _bound("0.0.0.0", 0)  # noqa: S104 - see above
    assert receiver is not None, "the kernel has a free port"
    assert telemetry is not None, "the kernel has a free port"
    listeners = Listeners(receiver, telemetry)
    if remark:
        listeners.remarks.append(remark)
    if wanted_port and wanted_port != listeners.wanted_port:
        found = f"port {wanted_port} is taken; OTLP is received on port {listeners.wanted_port}"
        listeners.remarks.append(f"{found}, and clients with a fixed address are not heard")
        listeners.wanted_port = wanted_port
    return listeners


def _receiver_port() -> "tuple[int, str]":
    text = _variable("OTEL_LAYER_RECEIVER_PORT")
    if not text:
        return RECEIVER_PORT, ""
    if text.isdigit() and int(text) <= _PORT_MAX:
        return int(text), ""
    remark = f"OTEL_LAYER_RECEIVER_PORT={text!r} is not a port; using {RECEIVER_PORT}"
    return RECEIVER_PORT, remark


def _bound(host: str, port: int) -> "_socket.socket | None":
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    # After a reset the last one's connections may linger; they must not cost us the port.
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        return None
    return listener


def _shared(listener: _socket.socket) -> _socket.socket:
    family, kind = _socket.AF_INET, _socket.SOCK_STREAM
    return _socket.socket(family, kind, 0, _socket.dup(listener.fileno()))


def _rendezvous(api: str) -> str:
    # Fixed and shared on purpose: the runtime, which starts later, has only this name.
    return "/tmp/otel-layer-" + api.replace(":", "-")  # noqa: S108


def _publish_rendezvous(api: str, listeners: Listeners) -> None:
    """Write ``<port> <pid>`` where the internal half looks for it."""
    path = _rendezvous(api)
    pid = posix.getpid()
    temporary = f"{path}.{pid}"
    content = f"{listeners.receiver.getsockname()[1]} {pid}\n"
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_TRUNC | posix.O_NOFOLLOW
    try:
        file = posix.open(temporary, flags, 0o600)
        posix.write(file, content.encode())
        posix.close(file)
        posix.rename(temporary, path)
    except OSError as fault:
        consequence = f"the function sends to port {RECEIVER_PORT} without provisional spans"
        listeners.remarks.append(f"cannot write {path}: {fault}; {consequence}")


def _remove_rendezvous(api: str) -> None:
    try:
        posix.unlink(_rendezvous(api))
    except OSError:
        return  # It could not be written, or was never needed.


def _is_managed_instance() -> bool:
    return _variable("AWS_LAMBDA_INITIALIZATION_TYPE") == "lambda-managed-instances"


def _variable(name: str) -> str:
    return posix.environ.get(name.encode(), b"").decode("utf-8", "replace")


def _say(text: str) -> None:
    from collector_ext.edge.log import WARN, Log  # noqa: PLC0415 - only when there is a fault

    Log(is_json=_variable("AWS_LAMBDA_LOG_FORMAT") == "JSON").say(WARN, text)


def _pause(failures: int) -> None:
    # There is nothing to wait for: the peer is the one that is missing.
    time.sleep(_PAUSE_S[min(failures, len(_PAUSE_S)) - 1])  # noqa: TID251

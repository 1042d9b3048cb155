"""TLS to a peer: whom to trust, what to show, and how a failed handshake is said.

Loaded for endpoints in https alone: `ssl` costs 7 ms to import, `socket` 8 ms.
"""

from __future__ import annotations

import posix
import socket
import ssl

from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Failure
from collector_ext.edge import tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from collector_ext.core.config.configuration import Tls

_NO_TLS = "it does not speak TLS"
_NO_VERSION = "it speaks no version of TLS that is accepted here"
_OUR_CERTIFICATE = "it does not accept our client certificate"

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_HAS_EXPIRED, _NOT_YET_VALID = 10, 9
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21)
_OTHER_NAME = (62, 64)  # a host's name, an address
"""X509_V_ERR_...: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/"""

_MEANINGS = (
    ("WRONG_VERSION_NUMBER", _NO_TLS),
    ("PACKET_LENGTH_TOO_LONG", _NO_TLS),
    ("RECORD_LAYER_FAILURE", _NO_TLS),
    ("UNSUPPORTED_PROTOCOL", _NO_VERSION),
    ("ALERT_PROTOCOL_VERSION", _NO_VERSION),
    ("CERTIFICATE_REQUIRED", "it wants a client certificate"),
    ("ALERT_UNKNOWN_CA", _OUR_CERTIFICATE),
    ("ALERT_BAD_CERTIFICATE", _OUR_CERTIFICATE),
    ("ALERT_CERTIFICATE_", _OUR_CERTIFICATE),  # expired, revoked, unknown
    ("UNRECOGNIZED_NAME", "it has no certificate for this name"),
    ("ALERT_", "it refused the handshake"),
)
"""What there is in OpenSSL's reasons, and what it means; the alerts are the peer's words:
https://www.rfc-editor.org/rfc/rfc8446#section-6.2"""


def context_of(settings: Tls) -> ssl.SSLContext:
    """Return the context that the settings ask for.

    Without an authority of the operator's, the system's are trusted, which SSL_CERT_FILE and
    SSL_CERT_DIR may replace.

    Raises:
        ValueError: A certificate or a key cannot be used.
    """
    context = _trusting(settings)
    # Without a version, the one the interpreter thinks best: 1.2 in all that are supported.
    if settings.version_min in _VERSIONS:
        context.minimum_version = _VERSIONS[settings.version_min]
    if settings.is_unverified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.cert_file or settings.cert_pem:
        _show_certificate(context, settings)
    return context


def wrap(
    connection: _socket.socket,
    context: ssl.SSLContext,
    name: str,
    *,
    session: ssl.SSLSession | None,
    deadline_at: float,
) -> ssl.SSLSocket:
    """Shake hands and return the encrypted connection; ``connection`` is used up.

    Args:
        connection: Connected to the peer.
        context: The same one for as long as its sessions are to be resumed.
        name: What the certificate must be for.
        session: Of an earlier connection to the same peer, if there was one.
        deadline_at: Seconds since the epoch.

    Raises:
        OSError: It failed; the connection is closed.
    """
    wrapped = context.wrap_socket(
        socket.socket(fileno=connection.detach()),
        server_hostname=name.encode("ascii"),  # as in `tcp.connect`
        do_handshake_on_connect=False,
        session=session,
    )
    try:
        tcp.set_timeout(wrapped, deadline_at)
        wrapped.do_handshake()
    except OSError:
        wrapped.close()
        raise
    return wrapped


def _trusting(settings: Tls) -> ssl.SSLContext:
    # Remarks between certificates may be in any language; `ssl` wants all of it in ASCII.
    text = settings.ca_pem.encode("ascii", "ignore").decode()
    try:
        # None stands for the system's authorities.
        return ssl.create_default_context(cafile=settings.ca_file or None, cadata=text or None)
    except OSError as fault:
        source = f"OTEL_EXPORTER_OTLP_CERTIFICATE or ca_file {settings.ca_file!r}"
        message = f"cannot use {source if settings.ca_file else 'ca_pem'}: {tcp.reason(fault)}"
        raise ValueError(message) from fault


def _show_certificate(context: ssl.SSLContext, settings: Tls) -> None:
    """Load what is shown to a server that asks who we are."""
    certificate = _File(settings.cert_file, settings.cert_pem)
    key = _File(settings.key_file, settings.key_pem)
    try:
        with certificate as certificate_path, key as key_path:
            # The empty password: an encrypted key is a fault, not a prompt.
            context.load_cert_chain(certificate_path, key_path or None, password="")
    except OSError as fault:
        named = [f"{n} {f.path!r}" for n, f in (("cert_file", certificate), ("key_file", key))]
        what = f"cannot use the client certificate of {' and '.join(named)}"
        message = f"{what} (OTEL_EXPORTER_OTLP_CLIENT_...): {tcp.reason(fault)}"
        raise ValueError(message) from fault


class _File:
    """A path to read PEM from; text is offered through a pipe.

    OpenSSL, as `ssl` lets it be used, reads certificates and keys of ours from files alone. A
    pipe has a path in /proc, and a key that never was on a disk needs no removal from it.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path or ("(in PEM)" if text else "")
        self._path = path
        self._text = "" if path else text
        self._end = -1

    def __enter__(self) -> str:
        if not self._text:
            return self._path
        self._end, writer = posix.pipe()
        try:
            posix.set_blocking(writer, False)
            content = self._text.encode()
            is_whole = posix.write(writer, content) == len(content)
        except BlockingIOError:
            is_whole = False
        finally:
            posix.close(writer)
        if not is_whole:
            self.__exit__()
            message = "it is longer than a pipe takes (64 kB)"
            raise OSError(message)
        return f"/proc/self/fd/{self._end}"

    def __exit__(self, *_: object) -> None:
        if self._end >= 0:
            posix.close(self._end)
            self._end = -1


def failure(fault: Exception) -> Failure:
    """Return what a fault means for whoever had to reach a peer in TLS."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return Failure(failures.TLS, _clear(fault), None)
    if isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Failure(failures.CONNECTION, "the connection was closed by the peer", None)
    if isinstance(fault, ssl.SSLError):
        return Failure(failures.TLS, _in_words(fault), None)
    if isinstance(fault, ValueError):  # of `context_of`, or a name that no certificate can have
        return Failure(failures.TLS, str(fault), None)
    return tcp.failure(fault)


def _in_words(fault: ssl.SSLError) -> str:
    found = fault.reason or str(fault)
    meaning = next((meaning for part, meaning in _MEANINGS if part in found), "TLS failed")
    return f"{meaning} ({found})"


def _clear(fault: ssl.SSLCertVerificationError) -> str:
    """Return what is wrong with the peer's certificate; OpenSSL's words are for searching."""
    code, found = fault.verify_code, fault.verify_message
    if code == _HAS_EXPIRED:
        meaning = "its certificate has expired"
    elif code == _NOT_YET_VALID:
        meaning = "its certificate is not valid yet"
    elif code in _UNKNOWN_AUTHORITY:
        meaning = "its certificate is of an authority that is not trusted here"
    elif code in _OTHER_NAME:
        meaning = "its certificate is for another host"
    else:
        meaning = "its certificate cannot be trusted"
    return f"{meaning} (CERTIFICATE_VERIFY_FAILED: {found.rstrip('.')})"

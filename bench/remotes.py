"""The remote endpoints of the configurations, in a process of their own.

``python -m bench.remotes IDENTITY`` is that process. It says where the endpoints are, then
answers each line of its input with a count, and ends with its input.
"""

from __future__ import annotations

import ssl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import trustme

from lambda_sandbox.edge.otlp_endpoint import OtlpEndpoint
from tests.fakes.grpc_remote import GrpcRemote

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parent.parent


class Remotes(NamedTuple):
    """Where they are.

    Attributes:
        http: URL of one that speaks OTLP/HTTP.
        https: The same, over TLS.
        grpc: URL of one that speaks OTLP/gRPC, without TLS.
        authority: The file with the certificate of the one who vouches for ``https``.
        questions: To their process.
        answers: From it.
    """

    http: str
    https: str
    grpc: str
    authority: Path
    questions: IO[str]
    answers: IO[str]

    def accepted_count(self) -> int:
        """Return how many requests they have accepted so far, all together."""
        print("how many?", file=self.questions, flush=True)
        return int(self.answers.readline())


@contextmanager
def remotes(folder: Path) -> Iterator[Remotes]:
    """Run them.

    Args:
        folder: Where certificates may be left.
    """
    authority, identity = folder / "authority.pem", folder / "identity.pem"
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(authority))
    issued = issuer.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(identity))
    command = [sys.executable, "-m", "bench.remotes", str(identity)]
    pipe = subprocess.PIPE
    # Left, the block closes its input and waits for it.
    with subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        http, https, grpc = process.stdout.readline().split()
        yield Remotes(http, https, grpc, authority, process.stdin, process.stdout)


def main(identity: str) -> None:
    """Be that process.

    Args:
        identity: The file with the key and the certificates of the one over TLS.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(identity)
    with OtlpEndpoint() as http, OtlpEndpoint(tls=tls) as https, GrpcRemote() as grpc:
        print(http.url, https.url, f"http://{grpc.target}", flush=True)
        for _ in sys.stdin:
            accepted = [*http.messages(), *https.messages(), *grpc.calls]
            print(len(accepted), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

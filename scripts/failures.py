"""Write the tables of docs/failures.md: why an export fails, and what follows.

    python -m scripts.failures            write them
    python -m scripts.failures --check    say where they are not as the code is

The sentences are those under each kind in core/delivery/failures.py; what answers mean is asked
of the code that judges them.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

from collector_ext.core import grpc_answer, otlp_answer
from collector_ext.core.delivery import failures
from collector_ext.core.delivery.failures import Kind
from collector_ext.core.events import Delivered, Failed, Outcome
from collector_ext.core.http1 import Response
from collector_ext.core.otlp import PROTOBUF, TRACES, ExportRequest, Payload
from scripts.configuration import written

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "failures.md"

REQUEST = ExportRequest("otlp", TRACES, (Payload(TRACES, PROTOBUF, b"", 0, is_suspect=False),))
POST = otlp_answer.Post(TRACES.path, {})

CODES = (
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""All but OK: https://grpc.io/docs/guides/status-codes/"""

COLUMNS = (
    "Kind",
    "What it means",
    "What becomes of it",
    "Sent again",
    "In the flush",
    "In a row",
    "Advice",
)

RETRY_INFO = b"\x1a\x2a\x0a\x28type.googleapis.com/google.rpc.RetryInfo"
"""A ``google.rpc.Status`` with this detail."""

Answers = dict[str, tuple[Kind, bool]]
"""By what an answer is called, its kind and whether the request may be sent again."""


def sentences() -> dict[str, tuple[str, str]]:
    """Return by the name of a kind's constant what it means, and what becomes of the data."""
    body = ast.parse(Path(failures.__file__).read_text()).body
    found = {}
    for assignment, text in itertools.pairwise(body):
        match assignment, text:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Call()),
                ast.Expr(value=ast.Constant(value=str() as docstring)),
            ):
                meaning, _, fate = docstring.partition("\n\n")
                found[name] = (" ".join(meaning.split()), " ".join(fate.split()))
            case _:
                pass  # An import, a class, another constant.
    return found


def kinds_table(answers: Answers) -> str:
    """Return a row for each kind."""
    said = sentences()
    constants = {id(value): name for name, value in vars(failures).items()}
    lines = ["", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    for kind in failures.KINDS:
        meaning, fate = said[constants[id(kind)]]
        cells = (
            f"`{kind.name}`",
            meaning,
            fate,
            _is_sent_again(kind, answers),
            _yes(is_so=kind.is_retried),
            str(kind.count_max) if kind.count_max else "",
            kind.advice,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def answers_table(answers: Answers) -> str:
    """Return a row for each answer that is none of success."""
    lines = ["", "| Answer | Kind | Sent again |", "|---|---|---|"]
    for name, (kind, is_sent_again) in answers.items():
        lines.append(f"| {name} | `{kind.name}` | {_yes(is_so=is_sent_again)} |")
    return "\n".join(lines)


def http_answers() -> Answers:
    """Return what each status of HTTP means that means something of its own."""
    found: Answers = {}
    for status in (*sorted(otlp_answer.KINDS), 500):
        response = Response(status, {}, b"", keep_alive=True)
        outcome = otlp_answer.outcome(REQUEST, response, POST, 0.0)
        name = f"HTTP {status}" if status in otlp_answer.KINDS else "any other of HTTP"
        found[name] = _judged(outcome)
    return found


def grpc_answers() -> Answers:
    """Return what each status of gRPC means, said by the peer itself."""
    found: Answers = {}
    for code in CODES:
        found[f"gRPC `{code}`"] = _judged(_ended(code, b""))
        if _judged(_ended(code, RETRY_INFO))[0] is not found[f"gRPC `{code}`"][0]:
            found[f"gRPC `{code}` with a `RetryInfo`"] = _judged(_ended(code, RETRY_INFO))
    return found


def _ended(code: str, details: bytes) -> Outcome:
    status = grpc_answer.Status(code, "", details)
    return grpc_answer.refused(REQUEST, status, grpc_answer.failure_of(status, (), ""))


def _judged(outcome: Outcome) -> tuple[Kind, bool]:
    assert not isinstance(outcome, Delivered)
    return outcome.failure.kind, isinstance(outcome, Failed)


def _is_sent_again(kind: Kind, answers: Answers) -> str:
    # Without an answer, nobody has refused it.
    found = {is_sent_again for known, is_sent_again in answers.values() if known is kind} or {True}
    return "by the answer" if len(found) > 1 else _yes(is_so=found.pop())


def _yes(*, is_so: bool) -> str:
    return "yes" if is_so else "no"


def changes(is_now: str, should_be: str) -> Iterator[str]:
    """Return what is to be changed, as a diff."""
    return difflib.unified_diff(is_now.split("\n"), should_be.split("\n"), lineterm="")


def main() -> None:
    """Write the tables, or check them."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    answers = http_answers() | grpc_answers()
    tables = {"kinds": kinds_table(answers), "answers": answers_table(answers)}
    is_now = DOCUMENT.read_text()
    should_be = written(is_now, tables)
    if not is_check:
        DOCUMENT.write_text(should_be)
    elif is_now != should_be:
        print("\n".join(changes(is_now, should_be)))
        sys.exit("docs/failures.md is not as the code is: python -m scripts.failures")


if __name__ == "__main__":
    main()

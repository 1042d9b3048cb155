"""Write docs/conformance.md: the rules of Lambda that the tests in tests/conformance hold.

    python -m scripts.conformance            run the tests and write the document
    python -m scripts.conformance --check    say where it does not list the tests as they are

The rules are in the tests, as ``@pytest.mark.rule("§1.1", "the rule, in one sentence")``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "conformance"
DOCUMENT = ROOT / "docs" / "conformance.md"
REQUIREMENTS = ROOT / "lambda_sandbox" / "runtime-requirements.txt"

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg"

SECTIONS = {
    "0.2": ("The response is released when it is posted", "lambda-runtime-environment"),
    "0.3": ("When an invocation is told to be done", "telemetry-api"),
    "0.10": ("An extension never leaves of its own accord", "runtimes-extensions-api"),
    "1.1": ("Extensions API: register", "runtimes-extensions-api"),
    "1.2": ("Extensions API: next", "runtimes-extensions-api"),
    "1.3": ("Extensions API: init/error and exit/error", "runtimes-extensions-api"),
    "1.4": ("Extensions API: states", "runtimes-extensions-api"),
    "1.5": ("Order and launch", "runtimes-extensions-api"),
    "1.6": ("Internal extensions", "runtimes-extensions-api"),
    "2.1": ("Telemetry API: subscriptions", "telemetry-api-reference"),
    "2.2": ("Telemetry API: delivery", "telemetry-api"),
    "2.3": ("Telemetry API: events", "telemetry-schema-reference"),
    "2.4": ("Telemetry API: as the emulator for Managed Instances has it", None),
    "3": ("Runtime API", "runtimes-api"),
    "3.1": ("Runtime API: what awslambdaric makes of it", None),
    "4.1": ("Lifecycle: init", "lambda-runtime-environment"),
    "4.2": ("Lifecycle: invoke", "lambda-runtime-environment"),
    "4.3": ("Lifecycle: failure, timeout, reset", "lambda-runtime-environment"),
    "4.4": ("Lifecycle: shutdown", "lambda-runtime-environment"),
    "5": ("SnapStart", "snapstart"),
    "6": ("Managed Instances", "lambda-managed-instances"),
    "7.1": ("Process environment: the start of the runtime", None),
    "7.2": ("Process environment: variables", "runtimes-extensions-api"),
    "7.3": ("Process environment: sys.path and .pth files", None),
    "7.5": ("Process environment: quotas", None),
    "8": ("What the official emulator does not emulate", None),
}
"""What the sections of the project's notes on the platform are about, and the page of AWS's
developer guide that each names."""

CHAPTERS = {
    "0": "Facts that drive a design",
    "1": "Extensions API",
    "2": "Telemetry API",
    "3": "Runtime API",
    "4": "Lifecycle and limits",
    "5": "SnapStart",
    "6": "Managed Instances",
    "7": "Process environment",
    "8": "Beyond the official emulator",
}

HEAD = """\
# Conformance

What `lambda_sandbox` does as Lambda does: each rule, its source, the test that holds it, and what came of the test when this was written.
Every test is in [tests/conformance](../tests/conformance) and runs a real environment: the real `awslambdaric`, extensions with processes of their own.
Written by `python -m scripts.conformance`, on CPython {python} with {client}; a test fails when it does not list the tests that there are.

{count}

The sources are sections of the project's notes on the platform, which rest on AWS's documentation, on the source of AWS's emulator and runtime client, and on experiments with both:

| Source | is about | AWS's page |
|---|---|---|
{sections}
"""  # noqa: E501  # one sentence per line, as in every document

TABLE = """
## {title}

| Rule | Source | Test | Result |
|---|---|---|---|
{rows}
"""

ROW = re.compile(r"\| (?P<rule>.+) \| §(?P<source>[\d.]+) \| `(?P<test>.+)` \| (?P<result>.+) \|")


class Row(NamedTuple):
    """One row of the document.

    Attributes:
        rule: In one sentence, as Markdown for a cell.
        source: The number of a section.
        test: From the file's name on: ``test_order.py::TestTheFreeze::test_comes_again``.
        result: ``holds``, ``differs: why``, ``not run: why`` or ``FAILS``; empty if unknown.
    """

    rule: str
    source: str
    test: str
    result: str = ""


class Recorder:
    """A plugin of pytest that keeps what was collected and what came of it."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.without_rule: list[str] = []
        self._results: dict[str, str] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep each test with its rules."""
        for item in session.items:
            test = _test_name(item.nodeid)
            rules = list(item.iter_markers("rule"))
            self.rows += [_row(test, *rule.args) for rule in rules]
            self.without_rule += [] if rules else [test]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what came of a test; what went wrong around it counts."""
        result = _result(report)
        if report.when == "call" or result != "holds":
            self._results[_test_name(report.nodeid)] = result

    def rows_with_results(self) -> list[Row]:
        """Return the rows, with what came of the tests that ran."""
        return [row._replace(result=self._results.get(row.test, "")) for row in self.rows]


def _test_name(nodeid: str) -> str:
    return nodeid.removeprefix("tests/conformance/")


def _row(test: str, source: str, rule: str) -> Row:
    number = source.removeprefix("§")
    assert number in SECTIONS, f"{test}: no section {source} is known"
    return Row(rule.replace("|", r"\|"), number, test)


def _result(report: pytest.TestReport) -> str:
    if report.passed:
        return "holds"
    if report.failed:
        return "**FAILS**"
    if hasattr(report, "wasxfail"):
        return f"differs: {report.wasxfail}"
    assert isinstance(report.longrepr, tuple), "a test that was skipped says where and why"
    return f"not run: {report.longrepr[2].removeprefix('Skipped: ')}"


def main() -> None:
    """Write the document, or compare it."""
    parser = argparse.ArgumentParser(prog="python -m scripts.conformance", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, run nothing")
    if parser.parse_args().check:
        sys.exit(check())
    sys.exit(write())


def write() -> int:
    """Run the tests and write the document; return the status of the tests."""
    recorder = Recorder()
    status = pytest.main([str(TESTS), "-q"], plugins=[recorder])
    if status not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return int(status)
    rows = recorder.rows_with_results()
    DOCUMENT.write_text(document(rows))
    print(f"{DOCUMENT.relative_to(ROOT)}: {count_text(rows)}")
    return int(status)


def check() -> int:
    """Say what is not in the document, and what is no more; return how many such there are."""
    recorder = Recorder()
    said = StringIO()
    with redirect_stdout(said):
        status = pytest.main([str(TESTS), "--collect-only", "-q"], plugins=[recorder])
    if status is not pytest.ExitCode.OK:
        print(said.getvalue())
        return int(status)
    listed, there = {row._replace(result="") for row in read_document()}, set(recorder.rows)
    faults = [f"no rule: {test}" for test in recorder.without_rule]
    faults += [f"not in the document: {row.rule} ({row.test})" for row in sorted(there - listed)]
    faults += [f"no longer a test: {row.rule} ({row.test})" for row in sorted(listed - there)]
    print(*faults, sep="\n", end="\n" if faults else "")
    return min(len(faults), 1)


def read_document() -> Iterator[Row]:
    """Yield the rows that the document has."""
    for line in DOCUMENT.read_text().splitlines():
        match = ROW.fullmatch(line)
        if match:
            yield Row(**match.groupdict())


def document(rows: Sequence[Row]) -> str:
    """Return the document that lists these rows."""
    order = {number: place for place, number in enumerate(SECTIONS)}
    ordered = sorted(rows, key=lambda row: order[row.source])
    head = HEAD.format(
        python=f"{sys.version_info[0]}.{sys.version_info[1]}",
        client=REQUIREMENTS.read_text().split()[0].replace("==", " "),
        count=f"{count_text(rows)}.",
        sections="\n".join(_section(number) for number in order),
    )
    chapters = groupby(ordered, key=lambda row: row.source.partition(".")[0])
    return head + "".join(
        TABLE.format(title=CHAPTERS[chapter], rows="\n".join(map(_line, rows_of)))
        for chapter, rows_of in chapters
    )


def count_text(rows: Sequence[Row]) -> str:
    """Return how many rules there are, and how many of them hold."""
    held = sum(row.result == "holds" for row in rows)
    return f"{len(rows)} rules, of which {held} hold"


def _section(number: str) -> str:
    about, page = SECTIONS[number]
    link = f"[{page}]({GUIDE}/{page}.html)" if page else "–"
    return f"| §{number} | {about} | {link} |"


def _line(row: Row) -> str:
    return f"| {row.rule} | §{row.source} | `{row.test}` | {row.result} |"


if __name__ == "__main__":
    main()

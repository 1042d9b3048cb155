"""What a person sees of a sandbox: its log, its lifecycle explained, its events in a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lambda_sandbox.core.views.explain import chapters, explain, finished

if TYPE_CHECKING:
    from typing import TextIO

    from lambda_sandbox.core.history import LogLine
    from lambda_sandbox.edge.succession import Succession
    from lambda_sandbox.sandbox import Sandbox

_REPORTS = ("REPORT RequestId: ", '"type":"platform.report"')
"""What the platform's last line on an invocation holds, in either format of the log."""


class Screen:
    """Show what is new, whenever it is told to.

    Args:
        sandbox: What is watched.
        out: Where the log goes, and what explains it.
        explained: Whether the lifecycle is explained.
        events: Where the platform's events go, as JSON lines.
    """

    def __init__(
        self, sandbox: Sandbox | Succession, out: TextIO, *, explained: bool, events: TextIO | None
    ) -> None:
        self._sandbox = sandbox
        self._out = out
        self._explained = explained
        self._events = events
        self._lines_count = 0
        self._chapters_count = 0
        self._events_count = 0

    def follow(self) -> None:
        """Show the log as it is written, and each invocation explained; until the sandbox ends."""
        for line in self._sandbox.follow(self._lines_count):
            self._show(line)
            if line.source == "platform" and any(report in line.text for report in _REPORTS):
                self._write_events()
                self._explain(finished_only=True)

    def catch_up(self) -> None:
        """Show the lines that are new."""
        for line in self._sandbox.logs[self._lines_count :]:
            self._show(line)
        self._write_events()

    def finish(self) -> None:
        """Show all the rest."""
        self.catch_up()
        self._explain(finished_only=False)

    def _show(self, line: LogLine) -> None:
        prefix = f"[{line.name}] " if line.source == "extension" else ""
        text = f"{prefix}{line.text}\n"
        self._lines_count += 1
        # In one go: Ctrl-C would come between a line and its end.
        print(text, end="", file=self._out, flush=True)

    def _write_events(self) -> None:
        if self._events is None:
            return
        events = self._sandbox.events[self._events_count :]
        self._events_count += len(events)
        for event in events:
            print(json.dumps(event, ensure_ascii=False), file=self._events)
        self._events.flush()

    def _explain(self, *, finished_only: bool) -> None:
        if not self._explained:
            return
        parts = chapters(self._sandbox.story)[self._chapters_count :]
        if finished_only:
            parts = finished(parts)
        self._chapters_count += len(parts)
        print(explain(parts), end="", file=self._out, flush=True)

"""The only writer of log lines: one per change of state, none while all is well."""

from __future__ import annotations

import os

from otel_layer.edge.clock import utc_time
from otel_layer.edge.interruption import is_interruption

_STDERR = 2


class Log:
    """Writes lines that Lambda collects with the function's own."""

    def __init__(self, *, as_json: bool) -> None:
        """Choose the format: ``AWS_LAMBDA_LOG_FORMAT`` names the one Lambda expects."""
        self._as_json = as_json
        self._said: set[str] = set()

    def say(self, sentence: str) -> None:
        """Write one line, past ``sys.stderr``: the customer may have replaced that.

        Where standard error is closed, broken or full, nobody reads it: nothing is said.
        """
        line = f"otel-layer: {sentence}"
        if self._as_json:
            import json  # noqa: PLC0415  # 5 ms, where the runtime has not imported it

            record = {"timestamp": utc_time(), "level": "WARN", "message": line}
            line = json.dumps(record)
        # One call, one line: threads and processes do not mix within it.
        try:
            os.write(_STDERR, (line.replace("\n", " ") + "\n").encode("utf-8", "replace"))
        except OSError as fault:
            if is_interruption(fault):
                raise

    def say_once(self, kind: str, sentence: str) -> None:
        """Write one line unless one of this kind was written before."""
        if kind not in self._said:
            self._said.add(kind)
            self.say(sentence)

"""The only writer to stdout, which Lambda collects as this extension's log.

One line per change of state, nothing on success. Also used before the interpreter is known
to be a supported one: syntax of Python 3.6, C modules only.

Format of Lambda's own JSON lines:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

import posix
import time

INFO = "INFO"
WARN = "WARN"
ERROR = "ERROR"

_STDOUT = 1
_CONTROL_CHARACTERS = dict.fromkeys(range(32), " ")


class Log:
    """Write lines, each whole in one system call, as text or as JSON objects."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json

    def say(self, level: str, text: str) -> None:
        """Write one line. ``text`` is one clause: what, what was found, what follows."""
        text = text.translate(_CONTROL_CHARACTERS)
        line = _json_line(level, text) if self._is_json else f"otel-layer {level} {text}"
        try:
            posix.write(_STDOUT, (line + "\n").encode("utf-8", "backslashreplace"))
        except OSError:
            return  # Nobody reads it, or not fast enough: a line is not worth the function.


def _json_line(level: str, text: str) -> str:
    # Not `json.dumps`: that import costs 8 ms. Control characters are gone already.
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return f'{{"timestamp":"{at}","level":"{level}","logger":"otel-layer","message":"{escaped}"}}'

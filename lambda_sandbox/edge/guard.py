"""The last line of defence: a shell that outlives a killed sandbox by a moment.

While we live, we end our processes ourselves. When we are killed, the pipe to the guard closes,
and it kills the process groups that were entrusted to it: frozen ones would stay for ever.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
while read -r group; do
  case $group in none) groups= ;; *) groups="$groups -$group" ;; esac
done
[ -z "$groups" ] || kill -s KILL -- $groups
rm -rf -- "$1"
"""


class Guard:
    """One guard for one sandbox.

    Args:
        folder: What is to be removed with the processes.
    """

    def __init__(self, folder: Path) -> None:
        self._popen = subprocess.Popen(  # noqa: S603  # our own script
            ["/bin/sh", "-c", _SCRIPT, "guard", folder],
            stdin=subprocess.PIPE,
            bufsize=0,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            start_new_session=True,  # not in the terminal's group: Ctrl-C is ours to handle
        )

    def entrust(self, group: int) -> None:
        """Let a process group be killed if we are."""
        self._write(f"{group}\n")

    def relieve(self) -> None:
        """Take all groups back: they have ended."""
        self._write("none\n")

    def _write(self, line: str) -> None:
        assert self._popen.stdin is not None, "a pipe was asked for"
        # A guard that somebody killed guards no more; that is no reason to fail.
        with suppress(BrokenPipeError):
            self._popen.stdin.write(line.encode())

    def close(self) -> None:
        """Dismiss the guard."""
        self._popen.kill()
        assert self._popen.stdin is not None, "a pipe was asked for"
        self._popen.stdin.close()
        self._popen.wait()

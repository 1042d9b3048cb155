"""The last line of defence: a shell that outlives a killed sandbox by a moment.

While we live, we end our processes ourselves. When we are killed, the pipe to the guard closes,
and it kills the process groups that were entrusted to it: frozen ones would stay for ever. What
has our mark, or is in our control groups, it kills, too, wherever it went, and removes the groups.
"""

from __future__ import annotations

import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
while read -r what value; do
  case $what in
    group) groups="$groups -$value" ;;
    none) groups= ;;
    mark) mark=$value ;;
    folder) set -- "$@" "$value" ;;
  esac
done
[ -z "$groups" ] || kill -s KILL -- $groups
tries=0
while [ -n "$mark" ] && [ $tries != 100 ]; do
  found=$(grep -lzxF -e "$mark" /proc/[0-9]*/environ)
  [ -n "$found" ] || break
  for environ in $found; do
    pid=${environ#/proc/}
    kill -s KILL "${pid%/environ}"
  done
  tries=$((tries + 1))
  sleep 0.02
done
rm -rf -- "$1"
shift
for folder; do
  tries=0
  until rmdir -- "$folder" || [ $tries = 100 ]; do
    while read -r pid; do kill -s KILL "$pid"; done <"$folder/cgroup.procs"
    tries=$((tries + 1))
    sleep 0.02
  done
done
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
        self._write(f"group {group}\n")

    def entrust_descendants(self, variable: str) -> None:
        """Let every process be killed that has a variable, ``NAME=value``, if we are."""
        self._write(f"mark {variable}\n")

    def entrust_folder(self, folder: Path) -> None:
        """Let a control group be emptied and removed if we are killed."""
        self._write(f"folder {folder}\n")

    def relieve(self) -> None:
        """Take all process groups back: they have ended."""
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

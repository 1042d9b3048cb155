"""Who belongs to a sandbox: everything that descends from what it started.

What leaves the session it was started in is still ours, and found by the variable that all
descendants inherit: ``AWS_LAMBDA_RUNTIME_API`` names this sandbox alone.
"""

from __future__ import annotations

from lambda_sandbox.edge import proc

MARK = "AWS_LAMBDA_RUNTIME_API"


class Descendants:
    """The processes that have the mark.

    Args:
        mark: The value of ``AWS_LAMBDA_RUNTIME_API``.
    """

    def __init__(self, mark: str) -> None:
        self._mark = f"{MARK}={mark}".encode()
        self._strangers: set[int] = set()
        self._unknown: set[int] = set()  # had no variables when looked at last

    def pids(self) -> list[int]:
        """Return the process ids of all that live."""
        pids = proc.pids()
        self._strangers &= pids  # an id may be given again
        environs = {pid: proc.environ(pid) for pid in pids - self._strangers}
        found = [pid for pid, environ in environs.items() if self._mark in environ]
        # One that becomes another program has no variables yet, but will have had some when we
        # look again; processes of the kernel never have any.
        unknown = {pid for pid, environ in environs.items() if not environ}
        self._strangers |= environs.keys() - set(found) - (unknown - self._unknown)
        self._unknown = unknown
        return found

    def forget_strangers(self) -> None:
        """Look at every process anew: the last look, which nobody may escape."""
        self._strangers.clear()

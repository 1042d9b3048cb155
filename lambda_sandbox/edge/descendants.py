"""Who belongs to a sandbox: everything that descends from what it started.

What leaves the session it was started in is still ours, and found by the variable that all
descendants inherit: ``AWS_LAMBDA_RUNTIME_API`` names this sandbox alone. What has emptied its
variables is found as the child of one of ours, and known from then on.

One that has done both is lost if its parent ended before anybody looked: only control groups hold
that, too.
"""

from __future__ import annotations

from lambda_sandbox.edge import proc

MARK = "AWS_LAMBDA_RUNTIME_API"


class Descendants:
    """The processes that have the mark, and what they have started without it.

    Args:
        mark: The value of ``AWS_LAMBDA_RUNTIME_API``.
    """

    def __init__(self, mark: str) -> None:
        self.variable = f"{MARK}={mark}"
        self._mark = self.variable.encode()
        self._strangers: set[int] = set()
        self._unknown: set[int] = set()  # had no variables when looked at last
        self._unmarked: dict[int, int | None] = {}  # when they were started, by id

    def pids(self) -> set[int]:
        """Return the process ids of all that live."""
        marked = self._marked()
        self._follow(marked)
        return marked.union(self._unmarked)

    def _marked(self) -> set[int]:
        pids = proc.pids()
        self._strangers &= pids  # an id may be given again
        environs = {pid: proc.environ(pid) for pid in pids - self._strangers}
        found = {pid for pid, environ in environs.items() if self._mark in environ}
        # One that becomes another program has no variables yet, but will have had some when we
        # look again; processes of the kernel never have any.
        unknown = {pid for pid, environ in environs.items() if not environ}
        self._strangers |= environs.keys() - found - (unknown - self._unknown)
        self._unknown = unknown
        return found

    def _follow(self, marked: set[int]) -> None:
        """Find the children of all we know that have no mark; forget those that have ended."""
        known = self._unmarked.items()
        unmarked = {pid: at for pid, at in known if at == proc.started_ticks(pid) is not None}
        parents = [*marked, *unmarked]
        while parents:
            for child in proc.children(parents.pop()):
                at = proc.started_ticks(child)
                if child not in marked and child not in unmarked and at is not None:
                    unmarked[child] = at
                    parents.append(child)
        self._unmarked = unmarked

    def forget_strangers(self) -> None:
        """Look at every process anew: the last look, which nobody may escape."""
        self._strangers.clear()

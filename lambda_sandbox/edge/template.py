"""The function's process as a template: what a snapshot is here, and how it is restored.

It is beside ``bootstrap.py`` in the function's process, and loaded for SnapStart alone. Where
Lambda stores the memory of a virtual machine, the initialised process waits, and forks a clone
for each restore, one at a time. With the sandbox it talks over one end of a ``SOCK_SEQPACKET``
pair, a message for each step::

    → ready <pid>              the before-snapshot hooks have run; its own id
    ← fork                     restore the snapshot
    → forked <pid>             of the clone, which leads a session of its own
    → exited <pid> <status>    of the clone; negative: the signal that ended it
    ← end of file              the template ends

A clone has what a snapshot holds: memory, and with it the state of random generators; open
files; fresh randomness from the kernel and from OpenSSL alone. What a fork cannot copy it lacks:

- other threads: an executor whose workers were started before the snapshot runs nothing any more;
- the process id, the CPU time used, alarms and interval timers, record locks on files;
- the role of a parent: processes started before the snapshot are the template's to wait for, and
  a function that collects every child of its process collects the clone, and ends the template;
- files of its own: clones share offsets, sockets and epoll objects opened before the snapshot.

What libraries registered with ``os.register_at_fork`` is called, although Lambda does not fork.

Source: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
"""

# It runs in the function's process: what it imports, the function finds imported.
# ruff: noqa: PLC0415

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGE_BYTES_MAX = 64

_SILENCE = ("ignore", None, DeprecationWarning, None, 0)


def become_clone(control: int) -> None:
    """Return in every clone that is ordered; in the template itself, never.

    Args:
        control: The descriptor of the template's end.
    """
    # Lambda's snapshot is of a process that has asked for restore/next, with this module.
    import http.client  # noqa: F401

    try:
        os.write(control, b"ready %d" % os.getpid())
        while os.read(control, MESSAGE_BYTES_MAX):
            if _forks_clone(control):
                return
    except ConnectionError:
        pass  # the sandbox is gone
    os._exit(0)


def _forks_clone(control: int) -> bool:
    """Fork, and return True in the clone; in the template return False when that has ended."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # the function put anything there
            stream.flush()  # or both would write what waits in it
    restore = _what_fork_changes()
    pid = _fork()
    if pid:
        _, status = os.waitpid(pid, 0)
        os.write(control, b"exited %d %d" % (pid, os.waitstatus_to_exitcode(status)))
        return False
    # Told by the clone: whoever knows its id may signal the group that it leads.
    os.setsid()
    os.write(control, b"forked %d" % os.getpid())
    os.close(control)
    restore()
    return True


def _fork() -> int:
    # CPython 3.12 warns of other threads: in the function's log, that would be our noise. Not
    # by `catch_warnings`: what the function has been warned of once, it would be again.
    warnings.filters.insert(0, _SILENCE)  # type: ignore[attr-defined]  # a list, in fact
    try:
        return os.fork()
    finally:
        warnings.filters.remove(_SILENCE)  # type: ignore[attr-defined]  # as above


def _what_fork_changes() -> Callable[[], None]:
    """Return what undoes, in the clone, the standard library's own precautions about forks."""
    generator = getattr(sys.modules.get("random"), "_inst", None)  # behind random.random()
    state = generator.getstate() if generator else None
    names = getattr(sys.modules.get("tempfile"), "_name_sequence", None)
    policy = getattr(sys.modules.get("asyncio.events"), "_event_loop_policy", None)
    loops = getattr(policy, "_local", None)

    def restore() -> None:
        if generator:
            generator.setstate(state)
        if names and hasattr(names, "_rng_pid"):
            names._rng_pid = os.getpid()  # noqa: SLF001  # else it makes a new generator
        if policy and loops:
            policy._local = loops  # noqa: SLF001  # what set_event_loop() was given

    return restore

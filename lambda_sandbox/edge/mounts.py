"""Read-only folders for the processes that one thread starts, and for nobody else.

Linux gives each thread a mount namespace of its own, if the process may administer the system
(``CAP_SYS_ADMIN``). What the thread starts inherits it; it vanishes with the last of them.

Source: https://man7.org/linux/man-pages/man2/unshare.2.html
Source: https://man7.org/linux/man-pages/man2/mount.2.html
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

METHOD = {True: "read-only mounts", False: "writable as they are"}
"""By what ``make_read_only`` returned."""

# <linux/sched.h>, <linux/mount.h>; Python has them, and ``unshare``, from 3.12 only.
_CLONE_NEWNS = 0x00020000
_MS_RDONLY = 0x1
_MS_REMOUNT = 0x20
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 0x2

_KEPT = os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC
"""What a mount forbids it goes on to forbid: a remount drops what it does not name, and the kernel
refuses that where it is not ours to decide. The numbers are those of ``mount``."""


def make_read_only(folders: Sequence[Path]) -> bool:
    """Make folders read-only for this thread and all processes that it will start.

    To be called once, by a thread that is going to end: it never sees the folders writable again.
    What is mounted below a folder stays as it is.

    Args:
        folders: Absolute paths of what is there, without symbolic links.

    Returns:
        Whether all of them are read-only now; if not, none is.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        return False
    # What follows must not come through to the namespace that we come from.
    if libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        return False
    bound: list[bytes] = []
    for folder in map(os.fsencode, folders):
        if libc.mount(folder, folder, None, _MS_BIND | _MS_REC, None) != 0:
            break
        bound.append(folder)
        flags = _MS_REMOUNT | _MS_BIND | _MS_RDONLY | os.statvfs(folder).f_flag & _KEPT
        if libc.mount(None, folder, None, flags, None) != 0:
            break
    else:
        return True
    for folder in reversed(bound):
        libc.umount2(folder, _MNT_DETACH)
    return False

"""Whether a folder changes, found out by looking at it again and again."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from lambda_sandbox.core.changes import Look, Trait, changed, is_watched

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

INTERVAL_S = 0.5
"""Between two looks: shorter than it takes to save a file and call the function by hand."""


class FolderWatch:
    """Look at folders from now on; tell of changes while somebody listens.

    A folder that is not there has not changed: builds and editors put a new one in its place,
    and that is compared with the last that was seen. Linked folders in it are not followed.

    Args:
        folders: Which.
        ignored: Files that do not matter.
    """

    def __init__(self, folders: Sequence[Path], *, ignored: Collection[Path] = ()) -> None:
        self._ignored = {path.resolve() for path in ignored}
        self._looks = {folder: self._look(folder) or {} for folder in folders}

    @contextmanager
    def telling(self, on_change: Callable[[Path], None]) -> Iterator[None]:
        """Tell of changes, one call for all of one look; no call is under way afterwards.

        Args:
            on_change: Called with a file that changed, on a thread of its own.
        """
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(INTERVAL_S):
                path = self._changed()
                if path is not None:
                    on_change(path)

        thread = threading.Thread(target=watch, name="folder watch")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _changed(self) -> Path | None:
        found = None
        for folder, before in self._looks.items():
            after = self._look(folder)
            if after is None:
                continue
            self._looks[folder] = after
            path = changed(before, after)
            if path is not None:
                found = found or folder / path
        return found

    def _look(self, folder: Path) -> Look | None:
        if not folder.is_dir():
            return None
        look: dict[PurePath, Trait] = {}
        real = folder.resolve()
        for root, folders, names in os.walk(folder):
            folders[:] = filter(is_watched, folders)
            for path in (Path(root, name) for name in names if is_watched(name)):
                relative = path.relative_to(folder)
                if real / relative in self._ignored:
                    continue
                with suppress(OSError):  # gone since it was listed, or a link to nothing
                    stat = path.stat()
                    look[relative] = Trait(stat.st_mtime_ns, stat.st_size, stat.st_ino)
        return look

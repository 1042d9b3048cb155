"""What was complained about, so that it is said once until something changes."""

from __future__ import annotations

from collector_ext.core.actions import WARN, Say

REASON_COUNT_MAX = 16
"""Different reasons that are said of one peer; what comes from outside must not fill the log."""


class Complaints:
    """Say what is wrong, once for each reason."""

    def __init__(self) -> None:
        self._reasons: dict[str, set[str]] = {}  # that were said, by what of

    def complain(self, about: str, reason: str, text: str) -> list[Say]:
        """Say ``text``, unless the same was complained about for the same reason before."""
        reasons = self._reasons.setdefault(about, set())
        if reason in reasons or len(reasons) == REASON_COUNT_MAX:
            return []
        reasons.add(reason)
        return [Say(WARN, text)]

    def forget(self, about: str) -> bool:
        """Take note that it is well again; return whether there was a complaint."""
        return self._reasons.pop(about, None) is not None

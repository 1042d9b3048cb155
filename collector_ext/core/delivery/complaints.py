"""What was complained about, so that it is said once until something changes.

Reasons quote the peer, whose words may hold what is new each time: the id of a request, an
address, a date. Such words do not make a reason another one, and are said with the first.
"""

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
        reason = _lasting(reason)
        if reason in reasons or len(reasons) == REASON_COUNT_MAX:
            return []
        reasons.add(reason)
        return [Say(WARN, text)]

    def forget(self, about: str) -> bool:
        """Take note that it is well again; return whether there was a complaint."""
        return self._reasons.pop(about, None) is not None


def _lasting(reason: str) -> str:
    """Return a reason without the words that may differ each time: those with a digit.

    The statuses of HTTP are few, and each is a reason of its own.
    """
    words = reason.split(" ")
    return " ".join(
        word
        for before, word in zip(["", *words], words, strict=False)
        if before == "HTTP" or not any(map(str.isdigit, word))
    )

"""The invocation in progress: whose it is, and which signs are of its end.

INVOKE, telemetry and the function's own messages reach the collector on three ways, so any may
be the first.
"""

from __future__ import annotations

EARLY_END_COUNT_MAX = 64
"""Ends remembered for invocations whose INVOKE is not read; one or two are ever true."""

EARLY_END_S = 1.0
"""The most that an end is read before its INVOKE. What is older is about an earlier try of the
same request: Lambda retries asynchronous invocations under their old id, a minute later."""

BACK_AGAIN_S = 0.1
"""Without telemetry: for a client that closed its connection to come on another one. A process
that has died does not, and Lambda waits for us before it says so."""

FIRST_MESSAGE_S = 1.0
"""Without telemetry: for the internal half to show, in the first invocation, that it is there."""


class Invocation:
    """Know the invocation in progress, and when it is over.

    Args:
        has_telemetry: Whether the platform reports the end of invocations.

    Attributes:
        request_id: Of the one in progress, or of the last one.
        deadline_at: Of the one in progress, in seconds since the epoch.
        is_over: Whether a sign of its end was read; true before the first one.
        is_failed: Whether it was one of a failure.
        first_message_by: When to give up waiting for the internal half to show itself, for the
            first time or again; None where nobody waits for it.
        gone_at: When it was gone, as far as one can see; None while it is there.
    """

    def __init__(self, *, has_telemetry: bool) -> None:
        self.deadline_at = 0.0
        self.is_over = True
        self.is_failed = False
        self.first_message_by: float | None = None
        self.gone_at: float | None = None
        self.request_id = ""
        self._began_at = 0.0
        self._early_ends: dict[str, tuple[float, bool]] = {}  # request id: when, is it a failure
        self._has_telemetry = has_telemetry
        self._gone_early = ""  # the request id of a function that was gone before its INVOKE
        self._is_told = False  # whether the internal half has ever told of an invocation
        self._was_invoked = False

    def begin(self, request_id: str, deadline_at: float, now: float) -> None:
        """Note a new one; its end may have been read already, or nobody may ever tell it."""
        self.request_id, self.deadline_at = request_id, deadline_at
        self.gone_at = None
        self._began_at = now
        ended_at, is_failure = self._early_ends.pop(request_id, (0.0, False))
        self.is_over = self._is_about_this(ended_at)
        self.is_failed = self.is_over and is_failure
        if not self.is_over and not self._will_be_told(now):
            self.is_over = True
        gone_early, self._gone_early = self._gone_early, ""
        self.miss(gone_early, now)

    def tell(self, request_id: str) -> None:
        """Note that the internal half is there, and has told of an invocation.

        What comes late of another one says nothing of a process that has gone since.
        """
        self._is_told = True
        if self.gone_at is None or request_id == self.request_id:
            self.first_message_by = self.gone_at = None

    def miss(self, request_id: str, now: float) -> None:
        """Note that the internal half has closed its connection before it told the end.

        Telemetry would tell what has happened; without it, nobody else does.
        """
        if self._has_telemetry or not request_id:
            return
        if request_id != self.request_id:
            self._gone_early = request_id
        elif not self.is_over:
            self.gone_at, self.first_message_by = now, now + BACK_AGAIN_S

    def end(self, request_id: str, ended_at: float, now: float, *, is_failure: bool) -> bool:
        """Take one of the signs that an invocation ended; the first counts, and that it failed.

        Args:
            request_id: Of the one that ended.
            ended_at: When, in seconds since the epoch.
            now: Likewise. Before the beginning of the one in progress: the clock went back.
            is_failure: Whether it failed.

        Returns:
            Whether it is about the one in progress, and news.
        """
        self._began_at = min(self._began_at, now)
        is_this = request_id == self.request_id and self._is_about_this(ended_at)
        is_first = is_this and not self.is_over
        is_news = is_first or (is_this and is_failure and not self.is_failed)
        if is_news:
            self.is_over, self.is_failed = True, is_failure
        if not is_first:
            # Of the next try of the same request, it may be.
            self._remember(request_id, ended_at, is_failure=is_failure)
        return is_news

    def _remember(self, request_id: str, ended_at: float, *, is_failure: bool) -> None:
        # What is told late of an earlier try must not hide the end of the one that is to come.
        known_at, was_failure = self._early_ends.get(request_id, (0.0, False))
        self._early_ends[request_id] = (max(ended_at, known_at), is_failure or was_failure)
        if len(self._early_ends) > EARLY_END_COUNT_MAX:
            del self._early_ends[next(iter(self._early_ends))]

    def _is_about_this(self, ended_at: float) -> bool:
        return ended_at >= self._began_at - EARLY_END_S

    def _will_be_told(self, now: float) -> bool:
        """Whether anyone will tell the end of this invocation.

        Without telemetry only the internal half can, if there is one: it has the first
        invocation to show itself. Without both (a local emulator, a function that is not
        instrumented) what comes now is exported with the next event.
        """
        if self._has_telemetry or self._is_told:
            return True
        is_first, self._was_invoked = not self._was_invoked, True
        self.first_message_by = now + FIRST_MESSAGE_S if is_first else None
        return is_first

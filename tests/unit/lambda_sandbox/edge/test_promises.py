"""What callers in other threads are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lambda_sandbox.core.invocation import InitOutcome, Outcome, SandboxError
from lambda_sandbox.edge.promises import Promises

if TYPE_CHECKING:
    from concurrent.futures import Future

INITIALISED = InitOutcome("success", None, None, 0.1)
FIRST = Outcome("r-1", b"1", None, "success", None, 0.1)
SECOND = Outcome("r-1", b"2", None, "success", None, 0.1)


class TestAPromise:
    """Is kept, or broken; nobody waits for ever."""

    def test_of_an_outcome_that_was_asked_for_twice_is_kept_in_turn(self):
        promises = Promises()
        first, second = promises.outcome("r-1"), promises.outcome("r-1")

        promises.release(FIRST)
        promises.release(SECOND)

        assert [first.result(0), second.result(0)] == [FIRST, SECOND]

    def test_that_is_broken_says_why_and_no_other_is_made(self):
        promises = Promises()
        made: list[Future[Any]] = [
            promises.outcome("r-1"),
            promises.outcome("r-1"),
            promises.init(),
            promises.end(),
        ]

        promises.break_all("it rains")

        assert [str(promise.exception(0)) for promise in made] == ["it rains"] * 4
        with pytest.raises(SandboxError, match="it rains"):
            promises.outcome("r-2")

    def test_of_an_initialisation_or_an_end_is_kept_to_everyone_who_was_given_one(self):
        promises = Promises()
        inits = [promises.init(), promises.init()]
        ends = [promises.end(), promises.end()]

        promises.finish_init(INITIALISED)
        promises.finish_end()

        assert [promise.result(0) for promise in inits] == [INITIALISED] * 2
        assert all(promise.done() for promise in ends)

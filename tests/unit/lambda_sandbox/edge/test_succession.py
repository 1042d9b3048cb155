"""There is one environment at a time, and to its callers it is always the same."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lambda_sandbox.core.history import LogLine
from lambda_sandbox.core.invocation import SandboxError
from lambda_sandbox.edge.packages import PackagesError
from lambda_sandbox.edge.succession import Succession

DEADLINE_S = 20.0


class Environment:
    """An environment without processes: returns its number, and logs what is done to it.

    Attributes:
        told: What was done to it, in order.
        entered: Released whenever an invocation is under way.
        go: Lets invocations end.
    """

    def __init__(self, number):
        self.number = number
        self.facts = f"facts of {number}"
        self.told = []
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()
        self.closed = threading.Event()

    def init(self):
        self.entered.release()
        assert self.go.wait(DEADLINE_S)
        self.told.append("init")
        if self.closed.is_set():
            message = "the sandbox was closed"
            raise SandboxError(message)

    def invoke(self, payload, **_):
        self.entered.release()
        assert self.go.wait(DEADLINE_S)
        self.told.append(payload.decode())
        return self.number

    @property
    def logs(self):
        return [LogLine("function", str(self.number), text) for text in self.told]

    events = story = property(lambda self: list(self.told))

    def follow(self, number):
        assert self.closed.wait(DEADLINE_S)
        return iter(self.logs[number:])

    def shutdown(self):
        self.told.append("shutdown")

    def close(self):
        self.go.set()
        self.closed.set()


@pytest.fixture
def made():
    """Return the list of the environments that were made."""
    return []


@pytest.fixture
def succession(made):
    def start():
        made.append(Environment(len(made)))
        return made[-1]

    with Succession(start) as succession:
        yield succession


def in_thread(callers, work, *arguments):
    """Begin some work; return what it promises."""
    begun = threading.Event()

    def run():
        begun.set()
        return work(*arguments)

    promise = callers.submit(run)
    assert begun.wait(DEADLINE_S)
    return promise


class TestARenewal:
    """Ends an environment in order; the next invocation has a fresh one."""

    def test_starts_nothing_by_itself(self, succession, made):
        succession.renew()

        assert [environment.told for environment in made] == [["shutdown"]]

    def test_gives_the_next_invocation_another(self, succession):
        before = succession.invoke(b"a")
        succession.renew()

        assert (before, succession.invoke(b"b"), succession.invoke(b"c")) == (0, 1, 1)

    def test_waits_for_what_is_in_flight(self, succession, made):
        made[0].go.clear()
        with ThreadPoolExecutor() as callers:
            first = callers.submit(succession.invoke, b"first")
            assert made[0].entered.acquire(timeout=DEADLINE_S)
            succession.retire()
            renewal = in_thread(callers, succession.renew)
            second = in_thread(callers, succession.invoke, b"second")
            made[0].go.set()
            outcomes = first.result(), second.result()
            renewal.result()

        assert outcomes == (0, 1)
        assert [environment.told for environment in made] == [["first", "shutdown"], ["second"]]

    def test_of_nothing_does_nothing(self, succession, made):
        succession.renew()
        succession.renew()

        assert [environment.told for environment in made] == [["shutdown"]]


class TestAnEnvironmentThatCannotBeMade:
    """Is the caller's to hear, and tried again by the next."""

    def test_is_refused(self):
        environments = iter([Environment(0), None, Environment(1)])

        def start():
            if (environment := next(environments)) is None:
                message = "pip has failed"
                raise PackagesError(message)
            return environment

        with Succession(start) as succession:
            succession.renew()
            with pytest.raises(SandboxError, match="pip has failed"):
                succession.invoke(b"a")
            succession.invoke(b"b")

            assert [line.text for line in succession.logs] == ["shutdown", "b"]


class TestAnEnvironmentThatServesAtOnce:
    """Is initialised before it is invoked."""

    def test_is_initialised_each_time(self, made):
        def start():
            made.append(Environment(len(made)))
            return made[-1]

        with Succession(start, init=True) as succession:
            succession.invoke(b"a")
            succession.renew()
            succession.invoke(b"b")

        assert [environment.told for environment in made] == [
            ["init", "a", "shutdown"],
            ["init", "b", "shutdown"],
        ]


class TestAChange:
    """Is never missed."""

    def test_during_a_start_renews_what_has_started(self, made):
        starting, go = threading.Semaphore(0), threading.Event()
        go.set()

        def start():
            starting.release()
            assert go.wait(DEADLINE_S)
            made.append(Environment(len(made)))
            return made[-1]

        with Succession(start) as succession, ThreadPoolExecutor() as callers:
            starting.acquire()
            succession.renew()
            go.clear()
            invoked = in_thread(callers, succession.invoke, b"a")
            starting.acquire()

            renewed = in_thread(callers, succession.renew)
            go.set()

            invoked.result(DEADLINE_S)
            renewed.result(DEADLINE_S)
            succession.invoke(b"b")

        assert [environment.told for environment in made] == [
            ["shutdown"],
            ["a", "shutdown"],
            ["b", "shutdown"],
        ]


class TestTheEnd:
    """Nobody waits for ever."""

    def test_does_not_wait_for_a_start(self, made):
        starting, go = threading.Semaphore(0), threading.Event()
        go.set()

        def start():
            starting.release()
            assert go.wait(DEADLINE_S)
            made.append(Environment(len(made)))
            return made[-1]

        with Succession(start) as succession, ThreadPoolExecutor() as callers:
            starting.acquire()
            succession.renew()
            go.clear()
            invoked = in_thread(callers, succession.invoke, b"a")
            starting.acquire()

            succession.close()
            go.set()

            with pytest.raises(SandboxError, match="the sandbox was closed"):
                invoked.result(DEADLINE_S)
        assert made[1].closed.is_set()
        assert made[1].told == []

    def test_ends_an_initialisation(self, made):
        def start():
            made.append(Environment(len(made)))
            if len(made) > 1:
                made[-1].go.clear()
            return made[-1]

        with Succession(start, init=True) as succession, ThreadPoolExecutor() as callers:
            succession.renew()
            invoked = in_thread(callers, succession.invoke, b"a")
            while len(made) < 2:
                assert not invoked.done()
            assert made[1].entered.acquire(timeout=DEADLINE_S)

            succession.close()

            with pytest.raises(SandboxError, match="the sandbox was closed"):
                invoked.result(DEADLINE_S)
        assert made[1].told == ["init"]

    def test_is_in_order(self, made, succession):
        with succession:
            succession.invoke(b"a")

        assert made[0].told == ["a", "shutdown"]

    def test_refuses_whoever_waits(self, succession):
        succession.retire()
        with ThreadPoolExecutor() as callers:
            waiting = in_thread(callers, succession.invoke, b"a")
            succession.close()

            with pytest.raises(SandboxError, match="the sandbox was closed"):
                waiting.result(DEADLINE_S)


class TestWhatIsKnown:
    """Is known of all of them, one after the other."""

    def test_goes_on(self, succession):
        succession.invoke(b"a")
        succession.renew()
        succession.invoke(b"b")

        told = ["a", "shutdown", "b"]
        assert [line.text for line in succession.logs] == told
        assert (succession.events, succession.story) == (told, told)
        assert succession.facts == "facts of 1"

    @pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5])
    def test_is_followed_from_any_line(self, succession, number):
        for payload in (b"a", b"b"):
            succession.invoke(payload)
            succession.renew()
        lines = succession.follow(number)
        succession.close()

        told = ["a", "shutdown", "b", "shutdown"]
        assert [line.text for line in itertools.islice(lines, 9)] == told[number:]

"""What is known of secrets, and when to ask again."""

from __future__ import annotations

import pytest

from collector_ext.core.secrets import (
    REFRESH_S_MIN,
    RETRY_S_MAX,
    RETRY_S_MIN,
    Fault,
    Reference,
    Secrets,
    reference_of,
)

A, B = "secretsmanager:a", "ssm:b"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-AbCdEf"


class TestAReference:
    """It says which service to ask, where, and for what."""

    @pytest.mark.parametrize(
        ("text", "meaning"),
        [
            ("secretsmanager:team/key", ("secretsmanager", "team/key", "", "")),
            ("secretsmanager:key#api#1", ("secretsmanager", "key", "api#1", "")),
            (f"secretsmanager:{ARN}#api", ("secretsmanager", ARN, "api", "eu-west-1")),
            ("ssm:/team/key", ("ssm", "/team/key", "", "")),
            ("ssm:/team/key:3", ("ssm", "/team/key:3", "", "")),
            ("ssm:arn:aws:ssm:us-east-1:1:parameter/key",
             ("ssm", "arn:aws:ssm:us-east-1:1:parameter/key", "", "us-east-1")),
            ("s3://bucket.s3.eu-west-1.amazonaws.com/a/b.yaml",
             ("s3", "bucket/a/b.yaml", "", "eu-west-1")),
            ("s3://my.bucket.s3.cn-north-1.amazonaws.com.cn/b",
             ("s3", "my.bucket/b", "", "cn-north-1")),
            ("s3://bucket/b", ("s3", "bucket/b", "", "")),
        ],
    )  # fmt: skip
    def test_one_that_can_be_read(self, text, meaning):
        assert reference_of(text) == Reference(text, *meaning)

    @pytest.mark.parametrize("text", ["", "env:X", "ssm:", "secretsmanager:#k", "s3://b", "s3:"])
    def test_one_that_is_none(self, text):
        with pytest.raises(ValueError, match=r"is not s"):
            reference_of(text)


class TestWhatIsNotKnown:
    """It is asked for, and again at growing intervals."""

    def test_everything_is_due_at_first_and_once(self):
        secrets = Secrets([A, B, A])

        assert secrets.due(0.0) == (A, B)
        assert secrets.fault_of([A, B]) == f"the secret {A} is not known: it has not been read"

    def test_what_is_found_is_not_asked_for_again(self):
        secrets = Secrets([A, B])

        secrets.settle({A: "1", B: "2"}, 0.0)

        assert secrets.values == {A: "1", B: "2"}
        assert secrets.due(1e9) == ()
        assert secrets.fault_of([A, B]) == ""

    def test_what_was_not_answered_is_still_due(self):
        secrets = Secrets([A, B])

        secrets.settle({A: "1"}, 0.0)

        assert secrets.due(0.0) == (B,)

    def test_a_fault_is_said_and_asked_for_later(self):
        secrets = Secrets([A, B])

        secrets.settle({A: Fault("AccessDenied"), B: "2"}, 0.0)

        assert secrets.fault_of([B, A]) == f"the secret {A} is not known: AccessDenied"
        assert secrets.fault_of([B]) == ""
        assert secrets.due(RETRY_S_MIN - 0.1) == ()
        assert secrets.due(RETRY_S_MIN) == (A,)

    def test_the_interval_doubles_up_to_a_bound(self):
        secrets, now, intervals = Secrets([A]), 0.0, []
        for _ in range(10):
            secrets.settle({A: Fault("no")}, now)
            due_at = now + next(s for s in range(1000) if secrets.due(now + s))
            intervals.append(due_at - now)
            now = due_at

        assert intervals[:3] == [RETRY_S_MIN, 2 * RETRY_S_MIN, 4 * RETRY_S_MIN]
        assert intervals[-1] == RETRY_S_MAX


class TestWhatAnEndpointRefuses:
    """It is read again, but not more often than may be."""

    @pytest.fixture
    def secrets(self):
        secrets = Secrets([A, B])
        secrets.settle({A: "1", B: "2"}, 100.0)
        return secrets

    def test_it_is_due_at_once_and_once(self, secrets):
        secrets.refused([A], 100.1)
        due = secrets.due(100.1)
        secrets.settle({A: "3"}, 100.1)

        assert due == (A,)
        assert secrets.values == {A: "3", B: "2"}
        assert secrets.due(1e9) == ()

    @pytest.mark.parametrize(
        ("now", "due"),
        [
            (199.9 + REFRESH_S_MIN, ()),
            (200.0 + REFRESH_S_MIN, (A,)),
            (150.0, (A,)),  # the clock was set back
        ],
    )
    def test_it_is_not_again_within_the_interval(self, secrets, now, due):
        secrets.refused([A], 200.0)
        secrets.settle({A: "1"}, 200.0)

        secrets.refused([A], now)

        assert secrets.due(now) == due

    def test_the_old_value_is_used_while_there_is_no_other(self, secrets):
        secrets.refused([A], 200.0)
        secrets.settle({A: Fault("Throttling")}, 200.0)

        assert secrets.values == {A: "1", B: "2"}
        assert secrets.fault_of([A]) == ""
        assert secrets.due(200.0 + RETRY_S_MIN) == (A,)

    def test_refusals_do_not_shorten_the_wait_after_a_fault(self, secrets):
        secrets.refused([A], 200.0)
        secrets.settle({A: Fault("Throttling")}, 200.0)
        secrets.refused([A], 200.1)

        assert secrets.due(200.2) == ()

    def test_one_that_was_never_read_is_due_in_its_own_time(self):
        secrets = Secrets([A])
        secrets.settle({A: Fault("no")}, 0.0)

        secrets.refused([A], 0.9)

        assert secrets.due(0.9) == ()

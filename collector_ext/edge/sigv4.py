"""AWS's signature on export requests, made by botocore.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

from collector_ext.edge.aws import Aws, AwsError, clause, own_region

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from collector_ext.core.config.configuration import SigV4Auth

_SIGNED = ("content-type",)
"""Beside Host and the headers of the signature. Whatever stands between may change others:
a proxy the encoding, a gateway the agent."""

_ROLE_SESSION_NAME = "otel-layer"


class Signer:
    """Sign requests for one service.

    Raises:
        AwsError: There is no botocore.
    """

    def __init__(self, settings: SigV4Auth) -> None:
        self._settings = settings
        self._aws = Aws()
        self._credentials: Any = None
        self._deadline_at = 0.0

    def sign(
        self, url: str, headers: dict[str, str], body: bytes, *, deadline_at: float
    ) -> dict[str, str]:
        """Return what to add to the headers of a POST.

        Args:
            url: All of it; its host and port as in the Host header.
            headers: As they will be sent, names in small letters.
            body: As it will be sent, compressed.
            deadline_at: Seconds since the epoch; bounds each call for credentials.

        Raises:
            AwsError: There are no credentials.
        """
        self._deadline_at = deadline_at
        exceptions = self._aws.load("botocore.exceptions")
        try:
            with self._aws.importable():
                return self._signature(url, headers, body)
        except (exceptions.BotoCoreError, exceptions.ClientError) as fault:
            message = f"cannot sign the request: {clause(fault)}"
            raise AwsError(message) from fault

    def _signature(self, url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
        signed = {name: value for name, value in headers.items() if name in _SIGNED}
        request = self._aws.load("botocore.awsrequest").AWSRequest("POST", url, signed, body)
        if self._credentials is None:
            self._credentials = self._find_credentials()
        region = self._settings.region or own_region()
        if region is None:
            message = "cannot sign the request: neither `region` nor AWS_REGION is set"
            raise AwsError(message)
        auth = self._aws.load("botocore.auth").SigV4Auth(
            self._credentials.get_frozen_credentials(), self._settings.service, region
        )
        auth.add_auth(request)
        return {
            name.lower(): value
            for name, value in request.headers.items()
            if name.lower() not in signed
        }

    def _find_credentials(self) -> Any:  # noqa: ANN401 - botocore has no types
        """Return credentials that renew themselves: a role's a few minutes before they expire."""
        source = self._aws.session().get_credentials()
        if source is None:
            message = "cannot sign the request: there are no credentials in the environment"
            raise AwsError(message)
        if not self._settings.role_arn:
            return source
        credentials = self._aws.load("botocore.credentials")
        fetcher = credentials.AssumeRoleCredentialFetcher(
            self._client,
            source,
            self._settings.role_arn,
            extra_args={"RoleSessionName": _ROLE_SESSION_NAME},
        )
        return credentials.DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    def _client(self, service: str, **credentials: Any) -> Any:  # noqa: ANN401 - as above
        return self._aws.client(service, self._settings.region, self._deadline_at, **credentials)

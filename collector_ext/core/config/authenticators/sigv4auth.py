"""``sigv4auth``: AWS's signature.

Source:
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/extension/sigv4authextension
"""

from __future__ import annotations

from collector_ext.core.config.configuration import SigV4Auth
from collector_ext.core.config.kinds import TEXT, Key, ignored, mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.section import Section

_ROLE_KEYS = (
    Key("arn", TEXT, "", "of the role to assume"),
    ignored("session_name", "the session is named after the layer"),
    ignored("sts_region", "it is the region of the signature"),
    ignored("external_id", "none is sent"),
    ignored("web_identity_token_file", "a function has the credentials of its role"),
)

KEYS = (
    Key("region", TEXT, "", "default: the endpoint's, else AWS_REGION"),
    Key("service", TEXT, "", "default: the endpoint's: xray, logs, aps"),
    Key("assume_role", mapping(_ROLE_KEYS), None, "a role other than the function's"),
)


def read(section: Section) -> SigV4Auth:
    """Return the signature as it is configured."""
    values = section.read(KEYS)
    role = values["assume_role"].read(_ROLE_KEYS) if values["assume_role"] else {"arn": ""}
    return SigV4Auth(values["region"], values["service"], role["arn"])

"""``basicauth``: a name and a password.

Source:
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/extension/basicauthextension
"""

from __future__ import annotations

from collector_ext.core.config.configuration import BasicAuth
from collector_ext.core.config.kinds import SECRET, TEXT, Key, ignored, mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.section import Section

_CLIENT_KEYS = (
    Key("username", TEXT, "", "the name"),
    Key("password", SECRET, "", "the password"),
    ignored("username_file", "write username: ${file:...}"),
    ignored("password_file", "write password: ${file:...}"),
)

KEYS = (
    Key("client_auth", mapping(_CLIENT_KEYS), None, "as whom to be let in"),
    ignored("htpasswd", "receivers are on loopback and let everyone in"),
)


def read(section: Section) -> BasicAuth | None:
    """Return name and password; None when there is no name, which is noted."""
    client = section.read(KEYS)["client_auth"]
    values = client.read(_CLIENT_KEYS) if client else {"username": "", "password": ""}
    if not values["username"]:
        section.complain("has no client_auth.username; it cannot be used")
        return None
    return BasicAuth(values["username"], values["password"])

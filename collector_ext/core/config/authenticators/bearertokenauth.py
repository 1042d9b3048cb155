"""``bearertokenauth``: a token.

Source:
https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/extension/bearertokenauthextension
"""

from __future__ import annotations

from collector_ext.core.config.configuration import BearerAuth
from collector_ext.core.config.kinds import SECRET, Key, ignored, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector_ext.core.config.section import Section

KEYS = (
    Key("token", SECRET, "", "the token"),
    Key("scheme", one_of("Bearer"), "Bearer", "what stands before it; for another, set headers"),
    ignored("filename", "write token: ${file:...}"),
    ignored("tokens", "there is one token"),
    ignored("header", "it is Authorization"),
)


def read(section: Section) -> BearerAuth | None:
    """Return the token; None when there is none, which is noted."""
    token = section.read(KEYS)["token"]
    if not token:
        section.complain("has no token; it cannot be used")
        return None
    return BearerAuth(token)

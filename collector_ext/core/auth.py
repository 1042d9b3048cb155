"""The headers by which an exporter says who it is.

Signatures depend on each request; they are made in ``edge/sigv4.py``.
"""

from __future__ import annotations

from collector_ext.core import percent
from collector_ext.core.config.configuration import BasicAuth, BearerAuth


def headers_of(auth: BasicAuth | BearerAuth) -> dict[str, str]:
    """Return what to add to every request, names in small letters.

    Sources: https://www.rfc-editor.org/rfc/rfc7617 and
    https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    """
    if isinstance(auth, BasicAuth):
        return {"authorization": f"Basic {percent.base64(f'{auth.username}:{auth.password}')}"}
    # A token that was written to a file, or pasted, often ends in a newline.
    return {"authorization": f"Bearer {auth.token.strip()}"}

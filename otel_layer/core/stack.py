"""Which frames of a traceback would be there without us.

The runtime reports a handler's exception with its stack. It must read byte for byte as if
the layer were not there, so the frames between the customer's code and what they call are
taken out: our own, the instrumentors', and those of the wrapping library they use.
"""

from __future__ import annotations

from collections.abc import Sequence

_INSTRUMENTORS = ("/opentelemetry/instrumentation/", "/opentelemetry/util/")
_WRAPPING = "/wrapt/"
_OWN_HANDLER = "handler.py"


def kept(filenames: Sequence[str], package_folder: str) -> list[int]:
    """Return the positions of the frames to show.

    A frame of the wrapping library is left out only where it leads into an instrumentor:
    the customer may use the same library for purposes of their own. Where the runtime was
    told to import our handler, what is before it is how it did that: the customer's module
    is imported by ours.

    Args:
        filenames: One per frame, outermost first.
        package_folder: The folder of our own package, ending in a slash.
    """
    shown = []
    leads_into_instrumentor = False
    for i in range(len(filenames) - 1, -1, -1):
        filename = filenames[i]
        if filename == package_folder + _OWN_HANDLER:
            break
        if any(part in filename for part in _INSTRUMENTORS):
            leads_into_instrumentor = True
        elif not (
            filename.startswith(package_folder)
            or (leads_into_instrumentor and _WRAPPING in filename)
        ):
            leads_into_instrumentor = False
            shown.append(i)
    return shown[::-1]

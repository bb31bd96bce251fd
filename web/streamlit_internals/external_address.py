"""Keeps Streamlit from asking a host on the internet for this machine's address.

It would ask, on the event loop and for two seconds where there is no answer, whenever somebody names a foreign site as
the origin of a request: one request in each second would stop the server.
"""

from __future__ import annotations

import logging

from streamlit import net_util

log = logging.getLogger(__name__)

_KNOWN = "127.0.0.1"  # an origin that is allowed anyhow


def never_ask() -> None:
    """Lets Streamlit think that it knows the address."""
    if hasattr(net_util, "_external_ip"):
        net_util._external_ip = _KNOWN
    else:
        log.warning("Streamlit may ask a host on the internet for this machine's address when origins are compared")

"""Pages of other origins: a browser sends a user's cookies along to whatever host a page names."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from bide.http.bearer import bearer


def same_origin(connection: HTTPConnection, allowed: Sequence[str]) -> bool:
    """Whether the page that sent this is of this host, or of one that is allowed; what no page sent is."""
    origins, hosts = connection.headers.getlist("origin"), connection.headers.getlist("host")
    if not origins:
        return True
    if len(origins) > 1:
        return False
    if origins[0] in allowed:
        return True
    try:
        origin = urlsplit(origins[0])
    except ValueError:
        return False
    # Who sits in between may have written a page that came unencrypted. The reverse is a proxy that ends TLS.
    schemes = {"https"} if connection.scope.get("scheme") in {"https", "wss"} else {"http", "https"}
    return (
        origin.scheme in schemes and origin.netloc != "" and [host.lower() for host in hosts] == [origin.netloc.lower()]
    )


def forged(connection: HTTPConnection, allowed: Sequence[str]) -> bool:
    """Whether a page of another origin may have sent this with a user's cookies, and without the browser asking first.

    Without asking (the host's CORS answers) a browser sends for other pages only GET, HEAD, and POST of a form or of
    plain text, with no headers of the page's own: https://fetch.spec.whatwg.org/#cors-preflight-fetch
    """
    if connection.scope["method"] != "POST":
        return False
    headers = connection.headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    asked = kind == "application/json" or kind.endswith("+json") or "x-api-key" in headers
    # It comes from the browser, never from a page, and holds where a proxy has changed `Host`.
    if asked or bearer(connection) or headers.get("sec-fetch-site") == "same-origin":
        return False
    return not same_origin(connection, allowed)

"""Whether a request was made on this very machine, by a program or a page of it.

No single sign says so. The peer's address is a proxy's where one stands in front; the name in `Host` may be one that
somebody else has pointed here (DNS rebinding); and a browser sends here what a page of any site asks it to.

What cannot be told apart is a proxy that leaves no trace: HTTP/1.1, no header of its own, and a local name put into
`Host`. Whoever sets up one gives `authorize` first.
"""

from __future__ import annotations

import ipaddress
import re

from starlette.requests import HTTPConnection

FORWARDED = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"})
"""Headers by which a proxy tells that the request came from elsewhere, beside all that begin with `X-Forwarded-`."""

# Matched as a whole, and not taken apart as a URL: urlsplit finds a local host name in `evil.com@localhost` too.
_LABEL = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
_HOST = re.compile(
    rf"(?:(?P<name>(?:{_LABEL}\.)*localhost)|(?P<v4>[0-9.]+)|\[(?P<v6>[0-9a-f]*:[0-9a-f:.]*)\])(?::[0-9]{{1,5}})?",
    re.ASCII | re.IGNORECASE,
)
_ORIGIN = re.compile(r"https?://(?P<host>.*)", re.ASCII | re.IGNORECASE)


def foreign(connection: HTTPConnection) -> str | None:
    """Why this does not come from here, as a clause; None if it does."""
    headers = connection.headers
    if any(name in FORWARDED or name.startswith("x-forwarded") for name in headers):
        return "a proxy has forwarded this"
    # nginx as it comes adds no header, and names itself in Host. But it speaks HTTP/1.0, as no browser or client does.
    if connection.scope.get("http_version") == "1.0":
        return "this is HTTP/1.0, as some proxies speak"
    # A Unix socket has no peer, and behind one there is a proxy nearly always.
    if connection.client is None or not is_loopback(connection.client.host):
        return "this comes from another one"
    match headers.getlist("host"):
        case [host] if is_local_host(host):
            pass
        case _:
            return "this is addressed to another name"
    if any(site.strip().lower() == "cross-site" for site in headers.getlist("sec-fetch-site")):
        return "a page of another site has sent this"
    if not all(map(is_local_origin, headers.getlist("origin"))):
        return "a page of another origin has sent this"
    return None


def is_local_host(host: str) -> bool:
    """Whether a `Host` header, with a port or without, can only mean this machine.

    Names below `localhost` never leave it (RFC 6761, 6.3), whatever a name server says.
    """
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    return match["name"] is not None or is_loopback(match["v4"] or match["v6"])


def is_local_origin(origin: str) -> bool:
    """Whether an `Origin` header is of a page of this machine. `null`, a sandboxed page's, is nobody's."""
    match = _ORIGIN.fullmatch(origin)
    return match is not None and is_local_host(match["host"])


def is_loopback(address: str) -> bool:
    """127.0.0.0/8 and ::1, also where a socket for both kinds writes the first as ::ffff:127.0.0.1."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(read, ipaddress.IPv6Address) and read.ipv4_mapped is not None:
        read = read.ipv4_mapped
    return read.is_loopback

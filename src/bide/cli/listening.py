"""Where a server listens: its sockets, taken before anything else begins.

Made here rather than by uvicorn, which takes its own after the app has started, and so has executed jobs. Those of
its `bind_socket` do not say that they are TCP, and asyncio then leaves Nagle's algorithm on: 40 ms for an answer.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from bide.errors import InvalidOption

BACKLOG = 2_048
"""Connections that wait to be accepted, those of while the app starts among them."""

UNTAKEN = 120.0
"""Seconds for which a client may take nothing of what it was sent, before its connection is cut: where the system can
do so, as nothing above it can. Twice as long as a stream waits for it."""


@contextmanager
def listening(host: str, port: int) -> Generator[list[socket.socket]]:
    """Sockets that listen at each address of `host`, all at one port; 0 takes a free one. They are closed behind it.

    Raises InvalidOption where the host has no address here, or the port is taken.
    """
    with ExitStack() as stack:
        yield _listen(host, port, stack)


def _listen(host: str, port: int, stack: ExitStack) -> list[socket.socket]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise InvalidOption(f"--host {host} has no address: {error.strerror}.", hint="Give another --host.") from None
    sockets: list[socket.socket] = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        at = (address[0], port, *address[2:])
        try:
            opened = stack.enter_context(socket.socket(family, kind, protocol))
            _open(opened, at)
        except OSError as error:
            # `localhost` may have an address of a family that is switched off here.
            if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT} and len(found) > 1:
                continue
            raise InvalidOption(
                f"{host} cannot be listened on at port {port}: {os.strerror(error.errno or 0)}.",
                hint="End what listens there, or give another --port or --host.",
            ) from None
        sockets.append(opened)
        port = opened.getsockname()[1]
    if not sockets:
        raise InvalidOption(f"No address of {host} is one of this machine.", hint="Give another --host.")
    return sockets


def _open(opened: socket.socket, address: tuple[object, ...]) -> None:
    if os.name == "posix":
        # Elsewhere it lets a second server take the port from the first.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if opened.family == socket.AF_INET6:
        # Else `::` would take the port of IPv4 too.
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if sys.platform == "linux":
        # Each connection that is accepted inherits it.
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNTAKEN * 1_000))
    opened.bind(address)
    # Another process that has bound it as well finds out here.
    opened.listen(BACKLOG)
    opened.setblocking(False)

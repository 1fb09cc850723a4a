"""The folder where the processes of this host that share a database find each other."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

SOCKET_PATH_LIMIT = 100
"""What fits an address of a unix socket is 108 bytes on Linux, 104 elsewhere."""


def runtime_folder(database: str) -> Path | None:
    """Make and return it; None where there is no safe place for it, and all goes by polling.

    It is named by the database's real path, so every way to the file leads here. Only its owner may enter: in a shared
    /tmp somebody else may have made a folder of that name before.
    """
    base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    name = hashlib.sha256(os.fsencode(os.path.realpath(database))).hexdigest()[:16]
    folder = base / f"bide-{os.getuid()}" / name
    if len(os.fsencode(folder)) + 24 > SOCKET_PATH_LIMIT:
        folder = Path(f"/tmp/bide-{os.getuid()}") / name  # noqa: S108 - see the check below
    try:
        for part in (folder.parent, folder):
            part.mkdir(mode=0o700, exist_ok=True)
            found = part.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
                return None
    except OSError:
        return None
    return folder

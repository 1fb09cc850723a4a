"""An environment for each peer, made when it is first needed and kept outside of the repository."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.peers.peers import OURS, Peer

REQUIREMENTS = Path(__file__).with_name("requirements")

NEWEST = 14
"""The newest Python 3 that is looked for."""


class Infeasible(Exception):
    """A peer cannot be measured here, and why."""


def interpreter(peer: Peer) -> Path:
    """The Python of the peer's environment. Raises Infeasible."""
    if peer.driver == OURS.driver:
        return Path(sys.executable)
    requirements = REQUIREMENTS / f"{peer.driver}.txt"
    base = python(peer.python)
    pins = requirements.read_bytes() + _output([str(base), "-V"]).encode()
    place = cache() / f"{peer.driver}-{hashlib.sha256(pins).hexdigest()[:12]}"
    found = place / "bin" / "python"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        _output([str(base), "-m", "venv", str(place)])
        _output([str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)])
        (place / "complete").touch()
    return found


def version(peer: Peer) -> str:
    """The version of it that is pinned."""
    lines = (REQUIREMENTS / f"{peer.driver}.txt").read_text(encoding="utf-8").splitlines()
    (own,) = [line for line in lines if line.partition("==")[0].removesuffix("-pg") == peer.driver]
    return own.partition("==")[2]


def cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "bide-bench"


def python(least: tuple[int, int]) -> Path:
    """This one, where it is new enough; else the oldest that is, on the path or of pyenv. Raises Infeasible."""
    if sys.version_info[:2] >= least:
        return Path(sys.executable)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for minor in range(least[1], NEWEST + 1):
        on_path = shutil.which(f"python3.{minor}")
        of_pyenv = sorted(pyenv.glob(f"3.{minor}.*/bin/python"))
        for candidate in ([Path(on_path)] if on_path else []) + of_pyenv:
            # A shim of pyenv may name one that is not switched on.
            if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
                return candidate
    raise Infeasible(f"It needs Python {least[0]}.{least[1]} or newer, and none was found.")


def _output(command: list[str]) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"it ended with {ended.returncode}"]
        raise Infeasible(f"{' '.join(command[:4])} …: {lines[-1]}")
    return ended.stdout

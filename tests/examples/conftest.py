"""Packages to author skills for: real ones, and one made here whose every detail is known."""

import asyncio
import os
from pathlib import Path

import pytest

from examples.skills.reading import read_package
from examples.skills.surface import PackageSurface

PARCEL = '''
"""Parcels and how to send them. More is said below.

Not here.
"""

import asyncio
import enum

__version__ = "9.9"
LIMIT = 20


class ParcelError(Exception):
    """Anything that goes wrong."""


class TooHeavy(ParcelError):
    """It weighs more than LIMIT."""


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Parcel:
    """A thing to send."""

    def __init__(self, address: str, *, weight: int = 1) -> None:
        self._address = address

    @property
    def label(self) -> str:
        return f"To {self._address}"

    @property
    def stamp(self) -> object:
        return object()

    def send(self, by: str = "post") -> None:
        """Send it."""


class AsyncDepot:
    """Where parcels wait."""

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        pass

    @property
    def door(self) -> str:
        return "green"


def encode(text: str) -> bytes:
    """Text as bytes."""
    return text.encode()


def decode(data: bytes) -> str:
    """Bytes as text."""
    return data.decode()


async def fetch(url: str) -> str:
    """Fetch from far away."""
    reader, writer = await asyncio.open_connection("example.org", 80)
    return "never"


def remove(path: str) -> None:
    """Must not even be tried."""
    raise SystemExit("tried")


def _hidden():
    pass
'''

STRANGE = {
    "noisy": 'print("hello from the import")\nimport os\nos.write(1, b"and from below")\nVALUE = 1\n',
    "quitter": "import sys\nsys.exit(0)\n",
    "broken": "import nothing_of_this_name\n",
    "wanting": "{}['a key that is not there']\n",
    "hanging": "import time\nclass A: pass\ntime.sleep(600)\n",
    "dialling": (
        "import socket\n"
        "try:\n    socket.create_connection(('127.0.0.1', 9), timeout=1)\n    REACHED = 'yes'\n"
        "except OSError as error:\n    REACHED = error.strerror\n"
    ),
    "lazy": (
        "__all__ = ['here', 'elsewhere']\nhere = 1\ndef __getattr__(name):\n    raise ImportError('needs the extra')\n"
    ),
    "lingering": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,)).start()\nVALUE = 1\n",
    "module_of_theirs": "def theirs() -> int:\n    return 1\n",
}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages in it, one of them under another name than the one it is installed by."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "parcel").mkdir()
    (folder / "parcel" / "__init__.py").write_text(PARCEL)
    for name, source in STRANGE.items():
        (folder / f"{name}.py").write_text(source)
    info = folder / "Their_Distribution-3.1.dist-info"
    info.mkdir()
    metadata = "Metadata-Version: 2.1\nName: Their-Distribution\nVersion: 3.1\nSummary: What they make.\nLicense: MIT\n"
    (info / "METADATA").write_text(metadata)
    (info / "top_level.txt").write_text("module_of_theirs\n")
    (info / "RECORD").write_text("module_of_theirs.py,,\n")
    return folder


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes those packages importable for child processes."""
    _install(site, monkeypatch)


def _install(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])))


@pytest.fixture(scope="session")
def parcel_surface(site: Path) -> PackageSurface:
    with pytest.MonkeyPatch.context() as monkeypatch:
        _install(site, monkeypatch)
        return asyncio.run(read_package("parcel"))


@pytest.fixture
def parcel(installed: None, parcel_surface: PackageSurface) -> PackageSurface:
    """The package made here, as it was read; its examples can be run."""
    return parcel_surface


@pytest.fixture(scope="session")
def httpx_surface() -> PackageSurface:
    return asyncio.run(read_package("httpx"))

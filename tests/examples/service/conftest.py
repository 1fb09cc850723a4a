"""A server for all tests, and clients of it."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.examples.service.server import Client, Server


@pytest.fixture(scope="session")
def packages(site: Path) -> dict[str, str]:
    """An environment in which the packages made for the tests are installed."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))}


@pytest.fixture(scope="session")
def server(packages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    with Server(tmp_path_factory.mktemp("service"), **packages) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Generator[Client]:
    with Client(server) as client:
        yield client

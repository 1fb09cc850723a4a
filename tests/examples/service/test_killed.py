"""The skills contract, with a server that is killed by SIGKILL and started again between any two calls.

All tests of the contract run at once, each with a client and a thread of its own, against one server: they share its
restarts. Nothing in them is changed, so nothing that a client can see tells of the restarts.
"""

import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from bide import Bide
from bide.testing import assert_sound
from tests.examples.service import test_contract
from tests.examples.service.server import Client, Killing, Server

TESTS: dict[str, Callable[[Client], None]] = {
    name: test for name, test in vars(test_contract).items() if name.startswith("test_")
}


@pytest.fixture(scope="module")
def killed(packages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    with Server(tmp_path_factory.mktemp("killed"), **packages) as server:
        yield server


@pytest.fixture(scope="module")
def outcomes(killed: Server) -> dict[str, BaseException | None]:
    """How each test ended."""
    ended: dict[str, BaseException | None] = {}
    killing = Killing(killed, len(TESTS))

    def run(name: str, test: Callable[[Client], None]) -> None:
        try:
            with Client(killed, killing.wait) as client:
                test(client)
            ended[name] = None
        except BaseException as error:  # noqa: BLE001 - it is raised again in the test's own name
            ended[name] = error
        finally:
            killing.leave()

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in TESTS.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ended


@pytest.mark.parametrize("name", TESTS)
def test_nothing_changes_where_the_server_is_killed_between_any_two_calls(
    name: str, outcomes: dict[str, BaseException | None], killed: Server
) -> None:
    error = outcomes[name]
    if error is not None:
        raise error
    assert killed.kills > 20


async def test_the_database_is_sound_afterwards(
    outcomes: dict[str, BaseException | None], killed: Server, tmp_path: Path
) -> None:
    assert killed.process is not None
    killed.kill()
    async with Bide(f"sqlite:///{killed.folder / 'skills.db'}") as left:
        await assert_sound(left.store)

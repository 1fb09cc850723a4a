"""The conformance suite of stores: what `bide.store.base` promises, as tests that any store can be put to."""

from __future__ import annotations

from bide.testing.contract.executing import Claiming, Settling, Suspending, Writing
from bide.testing.contract.forking import Forking
from bide.testing.contract.intake import Intake
from bide.testing.contract.joining import Joining
from bide.testing.contract.limiting import Limiting
from bide.testing.contract.liveness import Liveness
from bide.testing.contract.people import Answering, Cancelling, Removing, Serving
from bide.testing.contract.racing import Racing
from bide.testing.contract.reading import Owning, Reading
from bide.testing.contract.upkeep import Upkeep


class StoreContract(
    Intake,
    Joining,
    Forking,
    Claiming,
    Settling,
    Suspending,
    Writing,
    Limiting,
    Liveness,
    Upkeep,
    Serving,
    Answering,
    Cancelling,
    Removing,
    Reading,
    Owning,
    Racing,
):
    """Derive a test class from this one, and every test of the contract runs against your store.

    The class gives two fixtures. `make_store` is a function that builds a store, not yet opened, on the database of the
    running test and on the fixture `clock`. Called twice it gives two stores on one database, as two processes have.
    `connect` is a coroutine function: each call opens a connection of a caller's own on that database, to be lent.

        from bide.testing import ManualClock
        from bide.testing.contract import StoreContract

        class TestMyStore(StoreContract):
            @pytest.fixture
            def make_store(self, tmp_path: Path, clock: ManualClock) -> Callable[[], Store]:
                return lambda: MyStore(tmp_path / "jobs.db", clock=clock)

            @pytest_asyncio.fixture
            async def connect(self, tmp_path: Path) -> AsyncIterator[Connect]:
                async with AsyncExitStack() as stack:
                    yield lambda: stack.enter_async_context(my_driver.connect(tmp_path / "jobs.db"))

    The database is empty at the start of each test. The suite opens and closes the stores, moves the clock, and after
    each test runs the checker of `bide.testing.checker`, so a promise kept by halves does not pass. Needs pytest and
    pytest-asyncio, in any mode. Add tests of your own to the class: `store`, `another` (a second store on the same
    database), `clock` and `worker` (the id of a registered worker) are fixtures to use.

    The groups, in the order of the contract: Intake, Joining, Forking, Claiming, Settling, Suspending, Writing,
    Limiting, Liveness, Upkeep, Serving, Answering, Cancelling, Removing, Reading, Owning, Racing.
    """


__all__ = ["StoreContract"]

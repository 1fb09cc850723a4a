"""The app: the contract's routes, the errors' form, and one lifetime in which the database is open and jobs run."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from examples.skills.flow import bide
from examples.skills.service.errors import handle_errors
from examples.skills.service.routes import PREFIX, router
from examples.skills.service.streams import Streams
from examples.skills.steps import workshop_from


@asynccontextmanager
async def working(app: FastAPI) -> AsyncGenerator[None]:
    """While the app runs: what was accepted is executed, also by an earlier process that was killed."""
    async with bide.worker():
        yield


def make_app() -> FastAPI:
    """The service. The environment names the database, `BIDE_URL`, and the folder of skills, `BIDE_SKILLS_TAXONOMY`."""
    app = FastAPI(
        title="Skills",
        version=version("bide"),
        lifespan=working,
        docs_url="/docs",
        redirect_slashes=False,
    )
    app.state.taxonomy = workshop_from(os.environ).taxonomy
    app.state.streams = Streams()
    handle_errors(app, PREFIX)
    app.include_router(router)
    return app

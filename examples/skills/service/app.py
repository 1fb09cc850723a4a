"""The app: the contract's routes, the errors' form, and beside them Bide's own API, which opens the database and
executes the jobs while the app runs."""

import os
from importlib.metadata import version

from fastapi import Depends, FastAPI

from examples.skills.flow import bide
from examples.skills.service.access import this_machine
from examples.skills.service.errors import handle_errors
from examples.skills.service.routes import PREFIX, router
from examples.skills.steps import workshop_from


def make_app(*, for_all: bool = False) -> FastAPI:
    """The service. The environment names the database, `BIDE_URL`, and the folder of skills, `BIDE_SKILLS_TAXONOMY`.

    for_all: let in others than this machine.
    """
    app = FastAPI(title="Skills", version=version("bide"), docs_url="/docs", redirect_slashes=False)
    app.state.taxonomy = workshop_from(os.environ).taxonomy
    handle_errors(app, PREFIX)
    app.include_router(router, dependencies=[] if for_all else [Depends(this_machine)])
    app.include_router(bide.router(), prefix="/bide")
    return app

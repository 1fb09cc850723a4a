"""`bide quickstart`: the smallest whole thing, for this machine: a job that asks, and the page that shows it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from bide.cli.serve import run_api
from bide.cli.session import write
from bide.errors import NotFound

PACKAGE = Path(__file__).parents[1]


def run_quickstart(port: int) -> None:
    """Serve the example until SIGTERM or SIGINT, as `run_api` does. Raises NotFound where its page is not built."""
    home = _home()
    if not (home / "page" / "dist" / "index.html").is_file():
        raise NotFound(
            "The page of the quickstart is not built.",
            hint="In a checkout `make quickstart` builds and serves it, with Node; an installed wheel contains it.",
        )
    sys.path.insert(0, str(home))
    blog: Any = importlib.import_module("blog")
    write(f"Open the page at the address below. Its jobs are in {Path('quickstart.db').absolute()}; Ctrl+C ends it.")
    sys.stdout.flush()  # into a pipe too: nothing else follows until the end
    run_api(blog.bide, blog.app, host="127.0.0.1", port=port)


def _home() -> Path:
    """Where `blog.py` is, with its page: in a wheel beside this code, in a checkout among the examples."""
    installed = PACKAGE / "quickstart"
    return installed if installed.is_dir() else PACKAGE.parents[1] / "examples" / "quickstart"

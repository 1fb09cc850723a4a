"""The page of the quickstart goes into what is built, so that who installs a wheel needs no Node; it is not committed.

A checkout builds it anew. A source distribution contains it built, and is made into a wheel without Node.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EXAMPLE = "examples/quickstart"
PAGE = f"{EXAMPLE}/page/dist"


class QuickstartPage(BuildHookInterface[Any]):
    """Builds the page, and says where it goes."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # `bide quickstart` then looks into the checkout
        root = Path(self.root)
        if (root / "package.json").exists():
            self._build(root)
        if self.target_name == "sdist":
            # Git ignores it, and so would this.
            build_data["artifacts"].append(f"/{PAGE}/")
        else:
            build_data["force_include"] |= {
                f"{EXAMPLE}/blog.py": "bide/quickstart/blog.py",
                PAGE: "bide/quickstart/page/dist",
            }

    def _build(self, root: Path) -> None:
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            self.app.abort(
                "The page of the quickstart is built with Node 20.19 or newer, and there is no node or no npm here. "
                "Install it: https://nodejs.org, or on Debian: apt install nodejs npm. "
                "An editable install needs none."
            )
            return
        if not (root / "node_modules").exists():
            self._run(root, npm, "ci", "--ignore-scripts")
        self._run(root, npm, "run", "page")

    def _run(self, root: Path, *command: str) -> None:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603 - npm, as above
        if done.returncode:
            told = f"{done.stdout}{done.stderr}"
            self.app.abort(f"The page of the quickstart could not be built: `{' '.join(command)}` says\n{told}")

"""What is built and given away: a wheel that serves the quickstart's page without Node, and what it is made from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.support import comes

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("source")
    build(ROOT, folder, "sdist").check_returncode()
    # By `tar`: of Python's own, not every 3.11 knows the filter without which later ones warn.
    subprocess.run(["tar", "-xzf", next(folder.glob("*.tar.gz")), "-C", folder], check=True)
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made of it, on a machine without Node."""
    folder = tmp_path_factory.mktemp("wheel")
    build(source, folder, "wheel", path="").check_returncode()
    return next(folder.glob("*.whl"))


def build(source: Path, folder: Path, target: str, *, path: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    env = os.environ | ({} if path is None else {"PATH": path})
    # What goes wrong is shown by the test that fails.
    return subprocess.run(command, cwd=source, env=env, stdout=subprocess.PIPE, text=True, check=False)


async def test_an_installed_wheel_serves_a_page_with_a_question_without_node(wheel: Path, tmp_path: Path) -> None:
    python = install(wheel, tmp_path / "environment")
    env = {"PATH": "", "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    command = [str(python.with_name("bide")), "quickstart", "--port=0"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            address = next(
                found[1] for line in process.stderr if (found := re.search(r"running on (http://\S+)", line))
            )
            async with httpx.AsyncClient(base_url=address, timeout=30) as client:
                page = (await client.get("/")).raise_for_status().text
                assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
                assert {Path(asset).suffix for asset in assets} == {".js", ".css"}
                for asset in assets:
                    assert len((await client.get(asset)).raise_for_status().content) > 1_000
                created = await client.post("/bide/jobs", json={"type": "write_post", "input": {"topic": "tea"}})
                job = created.raise_for_status().json()["id"]

                async def asked() -> bool:
                    return bool((await client.get(f"/bide/jobs/{job}/prompts")).json()["items"])

                await comes(asked)
        finally:
            process.terminate()
            process.communicate()
    assert process.returncode == 0
    assert (tmp_path / "quickstart.db").exists()


def install(wheel: Path, folder: Path) -> Path:
    """The Python of a fresh environment with this wheel, and of the packages here what it needs, but not Bide."""
    venv.create(folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)
    packages = next((folder / "lib").glob("*/site-packages"))
    # What is on a path that is added like this can be imported; what it adds by files of the same kind, an editable
    # install say, is not.
    (packages / "here.pth").write_text(sysconfig.get_path("purelib"))
    where = [str(python), "-c", "import bide; print(bide.__file__)"]
    said = subprocess.run(where, cwd=folder, env={}, capture_output=True, text=True, check=True).stdout
    assert Path(said).is_relative_to(packages)
    return python


def test_the_terms_of_what_the_page_is_made_of_are_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        terms = opened.read("bide/quickstart/page/dist/licenses.md").decode()
    for package in ("react", "react-dom", "micromark"):
        assert f"## {package} - " in terms


def test_a_checkout_without_node_is_told_what_is_missing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    checkout = tmp_path / "checkout"
    for name in ("pyproject.toml", "hatch_build.py", "package.json", "README.md", "LICENSE"):
        checkout.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, checkout)
    shutil.copytree(ROOT / "src", checkout / "src")
    run = build(checkout, tmp_path / "built", "wheel", path="")
    assert run.returncode != 0
    assert "Node 20.19 or newer" in capfd.readouterr().err
    assert not list((tmp_path / "built").glob("*.whl"))


def test_a_checkout_whose_page_is_not_built_says_how_it_is(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src" / "bide", tmp_path / "src" / "bide")
    env = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
    command = [sys.executable, "-m", "bide.cli", "quickstart", "--port=0"]
    run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "make quickstart" in run.stderr


def test_who_reads_by_a_pipe_is_told_of_the_page_while_it_is_served(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src" / "bide", tmp_path / "src" / "bide")
    shutil.copytree(ROOT / "examples" / "quickstart", tmp_path / "examples" / "quickstart", ignore=_PAGE)
    page = tmp_path / "examples" / "quickstart" / "page" / "dist"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").touch()
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "bide.cli", "quickstart", "--port=0"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=env | {"PYTHONPATH": str(tmp_path / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            served = any("running on" in line for line in process.stderr)
        finally:
            process.kill()  # what it has not passed on by now is lost
        told, _ = process.communicate()
    assert served
    assert told.startswith("Open the page")


_PAGE = shutil.ignore_patterns("page")

"""`python -m tests.mutants [NAME…]`: plant each fault in a copy of the sources, and see its test turn red.

Every test is run without its fault too, and must be green. Exits 1 if a fault survives, if a test is red without it, or
if a patch applies no more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeAlias

from tests.mutants.patches import PATCHES, Patch

Verdict: TypeAlias = Literal["green", "red", "hangs"]

ROOT = Path(__file__).resolve().parent.parent.parent
AT_ONCE = 2
PATIENCE = 20
"""Seconds after which a test that a fault keeps waiting hangs: not green either, but told apart."""


def problem(patch: Patch, source: Path) -> str | None:
    """Why the patch cannot be planted in `source`, or None."""
    file = source / "bide" / patch.file
    if not file.exists():
        return f"there is no {patch.file}"
    found = file.read_text(encoding="utf-8").count(patch.old)
    return None if found == 1 else f"{patch.file} holds what it replaces {found} times"


def run_tests(tests: Iterable[str], source: Path, *, patience: int) -> Verdict:
    """What becomes of these tests on these sources."""
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--timeout={patience}", "--tb=no"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *(f"tests/{test}" for test in tests)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1", "CI": "1"},
        capture_output=True,
        check=False,
    )
    # Who hangs may do so at the end of all tests, too, where it is an error of pytest's own.
    if b"+ Timeout +" in done.stderr or b"Timeout (>" in done.stdout:
        return "hangs"
    if done.returncode not in {0, 1}:
        raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return "red" if done.returncode else "green"


def plant(patch: Patch) -> Verdict:
    """What becomes of its test in a copy of the sources with this patch."""
    with tempfile.TemporaryDirectory(prefix="bide-mutant-") as folder:
        source = Path(folder, "src")
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        file = source / "bide" / patch.file
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(patch.old, patch.new), encoding="utf-8")
        return run_tests([patch.test], source, patience=PATIENCE)


def main(names: list[str]) -> int:
    began = time.monotonic()
    patches = [patch for patch in PATCHES if not names or any(name in patch.name for name in names)]
    stale = {patch.name: why for patch in patches if (why := problem(patch, ROOT / "src")) is not None}
    planted = [patch for patch in patches if patch.name not in stale]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # All tests at once without any fault; who is red there, is looked for one by one.
        clean = pool.submit(run_tests, sorted({patch.test for patch in planted}), ROOT / "src", patience=120)
        verdicts = dict(zip([patch.name for patch in planted], pool.map(plant, planted), strict=True))
    sound: dict[str, Verdict] = dict.fromkeys(verdicts, "green")
    if clean.result() != "green":
        sound = {patch.name: run_tests([patch.test], ROOT / "src", patience=120) for patch in planted}
    wide = max(len(patch.name) for patch in patches)
    failed = 0
    print(f"{'patch':<{wide}}  with      without   test")
    for patch in patches:
        if why := stale.get(patch.name):
            failed += 1
            print(f"{patch.name:<{wide}}  does not apply: {why}")
            continue
        with_it, without = verdicts[patch.name], sound[patch.name]
        failed += with_it == "green" or without != "green"
        shown = "SURVIVES" if with_it == "green" else with_it
        print(
            f"{patch.name:<{wide}}  {shown:<8}  {without if without == 'green' else without.upper():<8}  {patch.test}"
        )
    print(f"{len(patches)} faults planted, {len(patches) - failed} caught, in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

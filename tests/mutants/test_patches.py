"""The planted faults cannot rot: each applies to the sources as they are, and its test exists."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.__main__ import ROOT, problem
from tests.mutants.patches import PATCHES, Patch


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.name)
def test_each_patch_applies_and_names_a_test(patch: Patch) -> None:
    assert problem(patch, ROOT / "src") is None
    file, *_, name = patch.test.partition("[")[0].split("::")
    sources = [ROOT / "tests" / file]
    if file.startswith("contract/"):  # the class inherits its tests
        sources += (ROOT / "src" / "bide" / "testing" / "contract").glob("*.py")
    defined = {
        node.name
        for source in sources
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert name in defined


def test_no_two_patches_are_alike() -> None:
    assert len({patch.name for patch in PATCHES}) == len(PATCHES)
    assert len({(patch.file, patch.old, patch.new) for patch in PATCHES}) == len(PATCHES)

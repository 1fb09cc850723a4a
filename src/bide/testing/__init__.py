"""Tools for tests of jobs and of stores: public, and documented where they are defined.

`bide.testing.contract.StoreContract`, the conformance suite, is imported from its own module, as it needs pytest.
"""

from __future__ import annotations

import sys

from bide.testing.checker import Unsound, Violation, assert_sound, check
from bide.testing.clock import ManualClock
from bide.testing.harness import Harness, Unsettled

if "pytest" in sys.modules:
    # Asserts are explained only in modules that pytest knows of before they are imported.
    sys.modules["pytest"].register_assert_rewrite("bide.testing.contract")

__all__ = ["Harness", "ManualClock", "Unsettled", "Unsound", "Violation", "assert_sound", "check"]

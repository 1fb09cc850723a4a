"""Every write crashed: a scenario that reaches all of the store, killed before and after each of its commits."""

import pytest

pytest.register_assert_rewrite("tests.crash.every_write")

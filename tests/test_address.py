"""The address of a database: what cannot be read is told with the remedy, and no part of a password is ever shown."""

from __future__ import annotations

import pytest

from bide import Bide
from bide.errors import InvalidOption
from bide.store.address import shown
from bide.store.postgres import PostgresStore
from bide.testing.checker.__main__ import main

UNREADABLE = (
    *(f"postgresql://app:s3{letter}cret@db:5432/shop" for letter in "/?#[]"),
    "postgresql://app:s3cret@db/shop?sslmode=s3cret",
    "postgresql://app:s3cret@db:port/shop",
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://db/shop", "postgresql://db/shop"),
        ("postgresql://app:s3cret@db:5432/shop?sslmode=require", "postgresql://db:5432/shop"),
        ("postgresql://app:s3@cret@db/shop", "postgresql://db/shop"),
        ("postgresql://app:s3/cr#et@db/shop", "postgresql://db/shop"),
        ("postgresql://db/shop?password=s3cret", "postgresql://db/shop"),
        # Nobody can tell of which of the two that "?" is.
        ("postgresql://app:s3?cret@db/shop", "postgresql://…"),
        ("postgresql://db/shop?password=s3@cret", "postgresql://…"),
        ("app:s3cret@db/shop", "db/shop"),
        ("jobs.db", "jobs.db"),
    ],
)
def test_who_connects_and_the_password_are_left_out(url: str, expected: str) -> None:
    assert shown(url) == expected


@pytest.mark.parametrize("scheme", ["postgresql+asyncpg", "postgres+psycopg", "postgresql+psycopg"])
def test_a_driver_in_the_scheme_is_to_be_left_out(scheme: str) -> None:
    with pytest.raises(InvalidOption, match=r"leave out \+(asyncpg|psycopg)") as refused:
        Bide(f"{scheme}://app:s3cret@db/shop")
    assert "s3cret" not in str(refused.value)
    assert f"{scheme}://db/shop" in str(refused.value)


@pytest.mark.parametrize("url", ["mysql://app:s3cret@db/shop", "app:s3cret@db/shop", "postgresql:/app:s3cret@db/shop"])
def test_another_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidOption, match="db/shop' is not a database that Bide can use") as refused:
        Bide(url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", UNREADABLE)
async def test_one_that_cannot_be_read_is_told_with_the_remedy(url: str) -> None:
    with pytest.raises(InvalidOption, match="percent-encoded") as refused:
        await PostgresStore(url).open()
    assert "s3" not in str(refused.value)
    # Nor in the traceback that is logged with it.
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("url", [UNREADABLE[0], "postgresql+asyncpg://app:s3cret@db/shop", "mysql://a:s3cret@db/shop"])
def test_the_checker_shows_no_password(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([url])
    assert "s3" not in capsys.readouterr().err

"""Settings: argument > environment (`BIDE_*`) > default."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bide.schedule import seconds
from bide.worker import WorkerOptions

SECRET_LENGTH = 32
"""Characters of a secret, at least."""


def _read_duration(value: Any) -> Any:
    return None if value is None or value in {"", "never"} else seconds(value)


def _read_secrets(value: Any) -> Any:
    """Several in one text, with commas between them. Wrapped before they are looked at: no error shows what is one."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str):
        value = [part for part in map(str.strip, value.split(",")) if part]
    if isinstance(value, list | tuple):
        return [SecretStr(part) if isinstance(part, str) else part for part in cast("Iterable[object]", value)]
    return value


def _are_long(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for number, secret in enumerate(secrets, 1):
        if len(secret) < SECRET_LENGTH:
            raise ValueError(
                f"secret {number} has {len(secret)} characters: expected at least {SECRET_LENGTH}. One is made by: "
                'python -c "import secrets; print(secrets.token_urlsafe(32))"'
            )
    return secrets


Seconds = Annotated[float, BeforeValidator(_read_duration), Field(gt=0)]
"""Seconds, written as a number or a duration such as `30s` or `7d`."""


class Settings(BaseSettings):
    """How an app runs. Each field is read from the environment as `BIDE_<FIELD>`, unless given as an argument.

    `Bide("sqlite:///jobs.db", settings=Settings(slots=50))`. Durations are seconds or texts like `90s`, `10m`, `7d`.
    """

    model_config = SettingsConfigDict(env_prefix="BIDE_", extra="forbid", frozen=True)

    slots: Annotated[int, Field(ge=1, le=10_000)] = 200
    """`async` jobs that one worker executes at once."""
    threads: Annotated[int, Field(ge=1, le=1_000)] = 32
    """`def` jobs that one worker executes at once, and apart from them `def` steps."""
    lease: Seconds = 30.0
    """A worker that stood still for so long is taken for dead, and its jobs are taken back."""
    poll: Seconds = 1.0
    """The longest a due job waits where no wake-up came."""
    drain: Seconds = 30.0
    """How long running jobs may go on after SIGTERM, before they are given back unspent."""
    cancel_grace: Seconds = 5.0
    """Between two deliveries of a cancel to code that swallows it; after five the job is forced."""
    age_limit: Seconds = 600.0
    """A job that has been ready for so long goes before every priority, so that none starves."""
    retention: Annotated[float | None, BeforeValidator(_read_duration)] = 30 * 86_400.0
    """Finished jobs are deleted after it; `never` keeps them."""
    synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """SQLite's durability. NORMAL is faster; a power failure may then lose the last commits, never consistency."""
    busy_timeout: Seconds = 10.0
    """How long a write waits for the database before it is refused as busy."""

    database_schema: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}$")] = "bide"
    """The schema that the tables are in, on PostgreSQL."""
    pool_size: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Connections to PostgreSQL for reading, for what people do and for what is not written in batches; a process has
    three more."""
    listen_url: SecretStr | None = None
    """The server itself, where the URL is that of a pooler: notifications come to a session, not through a pooler."""
    cached_statements: Annotated[int | None, Field(ge=0)] = None
    """Statements kept prepared for each connection to PostgreSQL. Not given: 100, and none behind a pooler."""

    secrets: Annotated[tuple[SecretStr, ...], NoDecode, AfterValidator(_are_long), BeforeValidator(_read_secrets)] = ()
    """What tokens for single jobs are signed with, 32 characters at least; in the environment separated by commas. The
    first signs, all are accepted, so that they rotate."""

    def worker(self, queues: tuple[str, ...]) -> WorkerOptions:
        return WorkerOptions(
            queues=queues,
            slots=self.slots,
            threads=self.threads,
            lease=self.lease,
            poll=self.poll,
            drain=self.drain,
            cancel_grace=self.cancel_grace,
            age_limit=self.age_limit,
            retention=self.retention,
        )

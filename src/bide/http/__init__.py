"""The HTTP API: what `bide.router(…)` is told, and what goes with it."""

from bide.http.accepting import Accept, accepting
from bide.http.access import Authorize, Principal, Right, anyone, local_only
from bide.http.job_token import job_token
from bide.http.jwt import Jwt
from bide.http.keys import ApiKey, ApiKeys
from bide.http.limits import Limits
from bide.http.refusals import Forbidden, Unauthenticated

__all__ = [
    "Accept",
    "ApiKey",
    "ApiKeys",
    "Authorize",
    "Forbidden",
    "Jwt",
    "Limits",
    "Principal",
    "Right",
    "Unauthenticated",
    "accepting",
    "anyone",
    "job_token",
    "local_only",
]

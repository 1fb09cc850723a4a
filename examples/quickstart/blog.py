"""A job that writes a post, shows it as it is written, and asks before it is published."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel

from bide import Bide, Confirm, Fail, JobContext, Proceed, Revise, current_step

bide = Bide("sqlite:///quickstart.db")


class Post(BaseModel):
    title: str
    body: str


async def draft(topic: str, feedback: str) -> Post:  # your model call
    body = f"There is more to {topic} than one thinks. {feedback or 'It begins with a question'}, and it ends with one."
    for word in body.split():
        current_step().emit(f"{word} ")
        await asyncio.sleep(0.15)
    return Post(title=topic.capitalize(), body=body)


@bide.job(timeout="10m", max_attempts=3, expose=True)
async def write_post(ctx: JobContext, topic: str) -> Post:
    feedback = ""
    for n in range(3):
        ctx.progress(30 * n + 10, f"Writing draft {n + 1} of 3")
        post = await ctx.options(key=n).step(draft, topic, feedback)  # runs once, even after kill -9
        match await ctx.ask(f"publish-{n}", Confirm(summary=post.body), timeout="7d"):  # no worker is held meanwhile
            case Proceed():
                return post
            case Revise(feedback=feedback):
                pass
    raise Fail("three drafts refused")


app = FastAPI(title="Quickstart")
app.include_router(bide.router(), prefix="/bide")
app.frontend("/", directory=Path(__file__).parent / "page" / "dist", check_dir=False)

"""The skills service: the contract's routes under `/api/v2`, as thin views of Bide's jobs.

    app.py       the FastAPI app: `make_app()`
    routes.py    the routes
    schemas.py   what comes in and what goes out, exactly
    states.py    a job, its questions and its steps become what a client is shown
    streams.py   a job's changes as server-sent events
    access.py    who is let in, and how much they may send
    errors.py    every error in the contract's form

`python -m examples.skills` starts it. What the routes promise is in `docs/contracts/skills.md`.
"""

"""A durable job with people in the loop: authoring an agent skill for an installed Python package.

Read `flow.py` first: it is the job, from the first step to the saved file. Everything it calls is plain Python that
knows nothing of jobs:

    surface.py       the nouns of a package's public API
    reading.py       a package becomes a `PackageSurface`: its public names, signatures and docstrings
    topics.py        the public names in groups a person can choose from
    guidance.py      what a person's feedback asks for, and what of it was not understood
    snippets.py      example code that was seen to run
    document.py      the outline, the text, and the SKILL.md made of them
    authors.py       who writes: the rule-based author
    model_author.py  who writes: a language model, through pydantic-ai
    choosing.py      which of the two: by the environment
    front_matter.py  the YAML front matter, read strictly
    checking.py      is the front matter valid, and does every code block run
    taxonomy.py      the folder tree that skills are saved into
    steps.py         the five units of work, as the job remembers them
    isolation.py     foreign code runs in a process of its own
    offline.py       ... and that process has no network
    effects.py       a count of the work done, kept outside the database
    pausing.py       a place between two steps, to be killed at
    demo/            the job as a person sees it, killed twice: `python -m examples.skills.demo`
"""

"""A service on Bide: authoring agent skills with people in the loop. `python -m examples.skills` starts it.

Two jobs do the work. Read `flow.py` first: `author_skill`, the smaller one, from its first step to the saved file.
`creating.py` has the one that the service starts, `create_skill`. What they call is plain Python that knows nothing of
jobs:

    surface.py       the nouns of a package's public API
    reading.py       a package becomes a `PackageSurface`: its public names, signatures and docstrings
    topics.py        the public names in groups a person can choose from
    guidance.py      what a person's feedback asks for, and what of it was not understood
    snippets.py      example code that was seen to run
    document.py      the outline, the text, and the SKILL.md made of them
    authors.py       who writes about a package: the rule-based author
    model_author.py  who writes about a package: a language model, through pydantic-ai
    choosing.py      which of the two: by the environment
    brief.py         what the description of a task asks for
    general.py       a skill that is about no package, from what people said
    acceptance.py    checks that a skill must pass, agreed on before it is written
    front_matter.py  the YAML front matter, read strictly
    checking.py      is the front matter valid, and does every code block run
    taxonomy.py      the folder tree that skills are saved into
    isolation.py     foreign code runs in a process of its own
    offline.py       ... and that process has no network
    effects.py       a count of the work done, kept outside the database
    pausing.py       a place between two steps, to be killed at

What stands between them and Bide, and between Bide and a client:

    steps.py         the units of work, as the jobs remember them
    prompts.py       the kinds of question beside Bide's own
    promoting.py     the job that copies a draft into the taxonomy
    questions.py     questions in every form they come in become one form
    answers.py       answers in every form they come in become Bide's
    service/         the routes of the contract, docs/contracts/skills.md
    demo/            the service as a person sees it, killed twice: `python -m examples.skills.demo`
"""

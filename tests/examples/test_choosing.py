"""Which author writes: a model of any provider that can be used, refused at once where it cannot, else the rules."""

import asyncio
import os
import subprocess
import sys
import typing
from contextlib import suppress
from pathlib import Path

import pytest
from pydantic_ai.models import KnownModelName
from pydantic_ai.providers import infer_provider_class

from bide import Bide
from bide.errors import InvalidOption
from examples.skills.authors import RuleAuthor
from examples.skills.choosing import DEFAULT_MODELS, UNNAMED_MODELS, AuthorChoice, ChoiceError, choose_author
from examples.skills.model_author import ModelAuthor
from examples.skills.steps import workshop_from


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*DEFAULT_MODELS, *UNNAMED_MODELS, "BIDE_SKILLS_MODEL"):
        monkeypatch.delenv(name, raising=False)


def choose(monkeypatch: pytest.MonkeyPatch, **variables: str) -> AuthorChoice:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return choose_author(os.environ)


def test_without_a_model_or_key_the_rules_write_and_it_is_said_why(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choose(monkeypatch, ANTHROPIC_API_KEY=" ", BIDE_SKILLS_UNATTENDED="1")
    assert isinstance(choice.author, RuleAuthor)
    assert choice.reason.startswith("The rule-based author writes, because the environment has neither")


@pytest.mark.parametrize(
    ("env", "model", "because"),
    [
        ({"BIDE_SKILLS_MODEL": "openai:any", "OPENAI_API_KEY": "k"}, "openai:any", "BIDE_SKILLS_MODEL names it"),
        (
            {"BIDE_SKILLS_MODEL": "openrouter:a/b", "OPENROUTER_API_KEY": "k"},
            "openrouter:a/b",
            "BIDE_SKILLS_MODEL names it",
        ),
        ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "anthropic:claude-sonnet-5-5", "ANTHROPIC_API_KEY is set"),
        ({"GEMINI_API_KEY": "k"}, "google:gemini-3.8-flash", "GEMINI_API_KEY is set"),
        ({"DEEPSEEK_API_KEY": "k"}, "deepseek:deepseek-v4-pro", "DEEPSEEK_API_KEY is set"),
        # The package of the first is not installed here, that of the second is.
        ({"MISTRAL_API_KEY": "k", "ZAI_API_KEY": "k"}, "zai:glm-5.3", "ZAI_API_KEY is set"),
    ],
)
def test_a_model_writes_where_one_is_configured(
    env: dict[str, str], model: str, because: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = choose(monkeypatch, **env)
    assert isinstance(choice.author, ModelAuthor)
    assert choice.reason == f"The model {model} writes, because {because}."
    assert choice.author.name == f"the language model {model}"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("MISTRAL_API_KEY", 'the package for mistral:mistral-large-latest is not installed (pip install "pydantic-ai-'),
        ("OPENROUTER_API_KEY", "no model is named (BIDE_SKILLS_MODEL=openrouter:…)"),
    ],
)
def test_a_key_that_is_not_enough_is_named_with_what_is_missing(
    key: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = choose(monkeypatch, **{key: "k"})
    assert isinstance(choice.author, RuleAuthor)
    assert choice.reason.startswith(f"The rule-based author writes, because {key} is set, but {told}")


def test_where_nobody_watches_a_key_alone_is_not_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choose(monkeypatch, OPENAI_API_KEY="k", BIDE_SKILLS_UNATTENDED="1")
    assert choice.reason.startswith("The rule-based author writes, because nobody is here")
    assert isinstance(choose(monkeypatch, BIDE_SKILLS_MODEL="openai:any").author, ModelAuthor)


def test_the_rules_can_be_asked_for_and_stand_in_where_pydantic_ai_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def finds_nothing(_name: str) -> None:
        return None

    with monkeypatch.context() as missing:
        missing.setattr("examples.skills.choosing.importlib.util.find_spec", finds_nothing)
        choice = choose(missing, OPENAI_API_KEY="k")
        assert isinstance(choice.author, RuleAuthor)
        assert "pydantic-ai is not installed" in choice.reason
        with pytest.raises(ChoiceError, match="not installed"):
            choose(missing, BIDE_SKILLS_MODEL="openai:any")
    assert isinstance(choose(monkeypatch, OPENAI_API_KEY="k", BIDE_SKILLS_MODEL="rules").author, RuleAuthor)


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        ("nonsense", "Unknown model: nonsense"),
        ("nonsense:any", "Unknown model: nonsense:any"),
        ("anthropic:any", "ANTHROPIC_API_KEY"),
        ("groq:any", 'pip install "pydantic-ai-slim[groq]"'),
    ],
)
def test_a_named_model_that_cannot_be_used_is_refused_with_the_remedy(
    model: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidOption, match=r"^BIDE_SKILLS_MODEL: ") as refused:
        workshop_from({"BIDE_SKILLS_MODEL": model})
    assert refused.value.hint is not None
    assert remedy in refused.value.hint


async def test_a_worker_does_not_start_with_a_model_that_cannot_be_used(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bide.cli", "worker", "examples.skills.flow:bide"),
        env={**os.environ, "BIDE_URL": url, "BIDE_SKILLS_MODEL": "nonsense"},
        stderr=subprocess.PIPE,
    )
    _, said = await worker.communicate()
    assert worker.returncode == 1
    assert "Error: BIDE_SKILLS_MODEL: the model 'nonsense' cannot be used." in said.decode()
    async with Bide(url) as bide:
        assert await bide.store.workers() == []


def test_the_default_models_exist() -> None:
    assert set(DEFAULT_MODELS.values()) <= set(typing.get_args(KnownModelName.__value__))


@pytest.mark.parametrize("provider", sorted(set(UNNAMED_MODELS.values())))
def test_the_providers_exist(provider: str) -> None:
    with suppress(ImportError):  # known, and its package is not installed; an unknown one is a ValueError
        infer_provider_class(provider)

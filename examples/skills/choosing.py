"""Which author writes: the model that the environment names, else one whose API key is in it, else the rules."""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

from examples.skills.authors import Author, RuleAuthor

MODEL_VARIABLE = "BIDE_SKILLS_MODEL"
UNATTENDED_VARIABLE = "BIDE_SKILLS_UNATTENDED"
SHOWN = 3  # names of keys in a sentence; all of them would be a page
RULES = "rules"  # as the model's name: the rule-based author even where a key is configured

DEFAULT_MODELS: Mapping[str, str] = {
    "ANTHROPIC_API_KEY": "anthropic:claude-sonnet-5-5",
    "OPENAI_API_KEY": "openai:gpt-5.6-terra",
    "GOOGLE_API_KEY": "google:gemini-3.8-flash",
    "GEMINI_API_KEY": "google:gemini-3.8-flash",
    "MISTRAL_API_KEY": "mistral:mistral-large-latest",
    "GROQ_API_KEY": "groq:openai/gpt-oss-120b",
    "XAI_API_KEY": "xai:grok-4.7",
    "DEEPSEEK_API_KEY": "deepseek:deepseek-v4-pro",
    "CO_API_KEY": "cohere:command-a-plus-05-2026",
    "CEREBRAS_API_KEY": "cerebras:gpt-oss-120b",
    "MOONSHOTAI_API_KEY": "moonshotai:kimi-k3",
    "ZAI_API_KEY": "zai:glm-5.3",
    "META_API_KEY": "meta:muse-spark-1.3",
    "CRUSOE_API_KEY": "crusoe:openai/gpt-oss-120b",
    "HEROKU_INFERENCE_KEY": "heroku:claude-sonnet-5-5",
    "HF_TOKEN": "huggingface:openai/gpt-oss-120b",
}
"""A model for each API key, in the order in which they are looked for."""

UNNAMED_MODELS: Mapping[str, str] = {
    "OPENROUTER_API_KEY": "openrouter",
    "TOGETHER_API_KEY": "together",
    "FIREWORKS_API_KEY": "fireworks",
    "VERCEL_AI_GATEWAY_API_KEY": "vercel",
    "AZURE_OPENAI_API_KEY": "azure",
    "AWS_BEARER_TOKEN_BEDROCK": "bedrock",
    "ALIBABA_API_KEY": "alibaba",
    "NEBIUS_API_KEY": "nebius",
    "OVHCLOUD_API_KEY": "ovhcloud",
    "SAMBANOVA_API_KEY": "sambanova",
    "SNOWFLAKE_TOKEN": "snowflake",
}
"""The providers of which a model must be named: they offer what others made, or what each account has set up."""


class ChoiceError(Exception):
    """The model cannot be used. `remedy` says what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class AuthorChoice:
    """An author, and in one sentence why it is this one."""

    author: Author
    reason: str


def choose_author(env: Mapping[str, str]) -> AuthorChoice:
    """The author for this environment. Raises ChoiceError where it names a model that cannot be used."""
    named = env.get(MODEL_VARIABLE, "").strip()
    if named == RULES:
        return _by_rules(f"{MODEL_VARIABLE} asks for it")
    if named:
        return _by_model(named, f"{MODEL_VARIABLE} names it")
    keys = [variable for variable in (*DEFAULT_MODELS, *UNNAMED_MODELS) if env.get(variable, "").strip()]
    if not keys:
        return _by_rules(
            f"the environment has neither {MODEL_VARIABLE} nor an API key of a provider"
            f" ({', '.join([*DEFAULT_MODELS][:SHOWN])} or {len(DEFAULT_MODELS) + len(UNNAMED_MODELS) - SHOWN} others)"
        )
    if env.get(UNATTENDED_VARIABLE):
        return _by_rules(f"nobody is here, and only a model that {MODEL_VARIABLE} names is paid for then")
    obstacles: list[str] = []
    for key in keys:
        if key in UNNAMED_MODELS:
            obstacles.append(f"{key} is set, but no model is named ({MODEL_VARIABLE}={UNNAMED_MODELS[key]}:…)")
            continue
        try:
            return _by_model(DEFAULT_MODELS[key], f"{key} is set")
        except ChoiceError as error:
            obstacles.append(f"{key} is set, but {error} ({error.remedy})")
    return _by_rules("; ".join(obstacles))


def _by_rules(because: str) -> AuthorChoice:
    return AuthorChoice(RuleAuthor(), f"The rule-based author writes, because {because}.")


def _by_model(name: str, because: str) -> AuthorChoice:
    """The author that asks this model, once it is known that its provider, its package and its key are there."""
    if importlib.util.find_spec("pydantic_ai") is None:
        raise ChoiceError("pydantic-ai is not installed", 'pip install "bide[models]"')
    # Imported here, because it takes a second and most runs of the rule-based author do without.
    from pydantic_ai.models import infer_model

    from examples.skills.model_author import ModelAuthor

    try:
        model = infer_model(name)
    except ImportError as error:
        extra = name.partition(":")[0]
        raise ChoiceError(
            f"the package for {name} is not installed", f'pip install "pydantic-ai-slim[{extra}]"'
        ) from error
    except Exception as error:  # each provider's client raises its own
        raise ChoiceError(f"the model {name!r} cannot be used", str(error)) from error
    return AuthorChoice(ModelAuthor(model, name), f"The model {name} writes, because {because}.")

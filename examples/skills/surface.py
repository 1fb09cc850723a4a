"""The nouns of a package's public API, as much of it as a skill needs and no more."""

from typing import Any, Literal

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

Kind = Literal["class", "exception", "enum", "function", "constant", "module"]


class Parameter(BaseModel):
    """A parameter, as far as somebody needs to know it who has to think of a value for it."""

    name: str
    annotation: str = ""
    keyword_only: bool = False


class Method(BaseModel):
    """A public method, named without its class."""

    name: str
    summary: str = ""


class PublicName(BaseModel):
    """One name that `import package` gives to its user."""

    name: str
    kind: Kind
    signature: str = ""
    summary: str = ""
    home: str = ""  # the module that defines it, without the package's own name: `client` for `httpx._client`
    required: list[Parameter] | None = None  # None: it has no signature that can be read
    optional: Parameter | None = None  # the first that may be given by position, and may be left out
    takes_fields: bool = False  # accepts any keyword argument, and needs nothing else
    asynchronous: bool = False  # a coroutine function, or of use only in `async with`
    enters: Literal["", "with", "async with"] = ""
    abstract: bool = False
    methods: list[Method] = []
    properties: list[str] = []
    members: list[str] = []  # of an enum
    bases: list[str] = []  # of a class: those of its ancestors that are public names too, nearest first

    @model_serializer(mode="wrap")
    def _without_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A surface is a step's result, kept in the database: most fields of most names are empty."""
        fields = type(self).model_fields
        return {key: value for key, value in serialize(self).items() if value != fields[key].default}


class Topic(BaseModel):
    """A group of names that belong together, for a person to choose."""

    id: str
    description: str
    names: list[str]


class PackageSurface(BaseModel):
    """The public API of one installed package."""

    package: str  # as it is imported
    distribution: str  # as it is installed; empty for the standard library
    version: str
    summary: str = ""
    license: str = ""
    requires_python: str = ""
    names: list[PublicName]
    unreadable: list[str] = []  # announced as public, but not to be had
    topics: list[Topic] = []

    def get(self, name: str) -> PublicName | None:
        return next((public for public in self.names if public.name == name), None)

    def select(self, names: list[str]) -> list[PublicName]:
        """Those of `names` that exist, in the order given."""
        known = {public.name: public for public in self.names}
        return [known[name] for name in names if name in known]

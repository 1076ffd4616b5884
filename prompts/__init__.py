"""One Markdown prompt a role: front matter (name, version, role, inputs, output) and a Jinja2 body.

`render` is strict both ways: a name the body needs and does not get raises, and so does one it gets and
does not declare under `inputs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt file: its front matter and its body before rendering."""

    name: str
    version: int
    role: str
    inputs: frozenset[str]
    body: str
    output: str = "text"
    """The schema of the answer that it asks for, by the name of its model; `text` where there is none."""

    @property
    def title(self) -> str:
        """Name and version, as they stand in whatever was made with it."""
        return f"{self.name}@{self.version}"


@cache
def load(name: str) -> Prompt:
    """The prompt `<name>.md`. Raises FileNotFoundError for an unknown name, ValueError for bad front matter."""
    text = resources.files("prompts").joinpath(f"{name}.md").read_text(encoding="utf-8")
    _, head, body = text.split("---\n", 2)
    data = yaml.safe_load(head)
    try:
        return Prompt(
            data["name"],
            int(data["version"]),
            data["role"],
            frozenset(data["inputs"]),
            body.strip(),
            data.get("output", "text"),
        )
    except KeyError as error:
        raise ValueError(f"prompts/{name}.md: the front matter lacks {error}") from error


def render(name: str, **values: object) -> str:
    """The text of a prompt with its inputs filled in.

    Raises ValueError where a value is given that is not declared, or one declared is not given, and
    jinja2.UndefinedError where the body uses a name that is not declared.
    """
    prompt = load(name)
    given = frozenset(values)
    if given != prompt.inputs:
        missing, unknown = sorted(prompt.inputs - given), sorted(given - prompt.inputs)
        raise ValueError(f"prompts/{name}.md: missing {missing}, unknown {unknown}")
    # Prompts are text for a model and for people, never HTML.
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=True)
    return environment.from_string(prompt.body).render(values) + "\n"

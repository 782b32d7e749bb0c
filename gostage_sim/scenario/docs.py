"""What the model says of itself, in texts below its fields: the source of the schema and of `gostage-sim explain`."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from dataclasses import is_dataclass
from typing import Any

from pydantic import BaseModel


def field_docs(cls: type[Any]) -> dict[str, str]:
    """The text below each field of a model or a dataclass, in the class and in those it is made from."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if is_dataclass(each) or (issubclass(each, BaseModel) and each is not BaseModel):
            (tree,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
            body = tree.body if isinstance(tree, ast.ClassDef) else []
            for line, below in itertools.pairwise(body):
                if (
                    isinstance(line, ast.AnnAssign)
                    and isinstance(line.target, ast.Name)
                    and isinstance(below, ast.Expr)
                    and isinstance(below.value, ast.Constant)
                ):
                    found[line.target.id] = paragraphs(str(below.value.value))
    return found


def paragraphs(doc: str | None) -> str:
    """Paragraphs without the breaks of the source."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(doc or "").split("\n\n"))

"""YAML with line numbers: reading it so that faults can name their line, and writing it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from msann_sweep.config.faults import Fault, Path, show


class _Loader(yaml.SafeLoader):
    """YAML 1.1, but 1e-4 is a number and 2024-01-31 is text."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if not tag.endswith(("float", "timestamp"))
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_FLOAT = r"""[-+]?(?: (?:\d[\d_]*\.[\d_]* | \.\d[\d_]*) (?:[eE][-+]?\d+)?
                 | \d[\d_]*[eE][-+]?\d+
                 | \.(?:inf|Inf|INF) )
            | \.(?:nan|NaN|NAN)"""
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(f"^(?:{_FLOAT})$", re.VERBOSE), list("-+0123456789.")
)


@dataclass
class Document:
    """The data of a YAML text, the line of every path in it, and keys that stand there twice."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)
    duplicates: list[Fault] = field(default_factory=list)

    def line(self, path: Path) -> int | None:
        """The line of a path, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def parse(text: str) -> Document:
    """Read one YAML document. Raises yaml.YAMLError, see :func:`syntax_fault`."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        document = Document(None)
        if node:
            # First, since constructing merges "<<" into the nodes, where it would look repeated.
            _note_lines(node, (), document, set())
            document.data = loader.construct_document(node)
    finally:
        loader.dispose()
    return document


def _note_lines(node: Node, path: Path, document: Document, seen: set[int]) -> None:
    """Fill in the lines and duplicates below ``node``; an aliased node counts once."""
    document.lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, MappingNode):
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key, line = key_node.value, key_node.start_mark.line + 1
            if not isinstance(key, str):
                continue
            if key in first:
                given = f"{show(key)} a second time"
                fault = Fault(
                    (*path, key), given, f"every key once; the first is in line {first[key]}"
                )
                document.duplicates.append(fault)
            first.setdefault(key, line)
            document.lines[(*path, key)] = line
            _note_lines(value_node, (*path, key), document, seen)
    elif isinstance(node, SequenceNode):
        for place, item in enumerate(node.value):
            _note_lines(item, (*path, place), document, seen)


def syntax_fault(error: yaml.YAMLError) -> tuple[int | None, str]:
    """Line (if known) and description of a YAML error."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        words = ", ".join(part for part in (error.context, error.problem) if part)
        return (mark.line + 1 if mark else None), words
    return None, str(error).splitlines()[0]


def to_yaml(sections: Mapping[str, Any]) -> str:
    """Sections and their keys line by line, everything deeper within its line."""
    lines = []
    for name, section in sections.items():
        if isinstance(section, Mapping) and section:
            lines.append(f"{name}:")
            lines += [f"  {key}: {_inline(value)}" for key, value in section.items()]
        else:
            lines.append(f"{name}: {_inline(section)}")
    return "\n".join(lines) + "\n"


def _inline(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    return text.removesuffix("...\n").strip()

"""From a search-space file and overrides to a SweepConfig, or to all that is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path as FilePath
from typing import Annotated, Any, cast

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from msann_sweep.config.checks import section_faults
from msann_sweep.config.document import Document, parse, syntax_fault
from msann_sweep.config.entry import ENTRIES, FORMS, KINDS, AnyEntry
from msann_sweep.config.faults import (
    Fault,
    Path,
    did_you_mean,
    dotted,
    model_faults,
    show,
    unknown_hyperparameter,
    unknown_key,
)
from msann_sweep.config.hyperparameters import NAMES
from msann_sweep.config.space import Space
from msann_sweep.config.sweep_config import SweepConfig
from msann_sweep.config.task import (
    ImagesTask,
    MnistLabelsTask,
    MnistTask,
    OneObjectTask,
    TwoObjectTask,
)
from msann_sweep.errors import ConfigError, Problem

TASKS: dict[str, type[BaseModel]] = {
    "mnist": MnistTask,
    "mnist_labels": MnistLabelsTask,
    "one_object": OneObjectTask,
    "two_object": TwoObjectTask,
    "images": ImagesTask,
}
TEXTS = {
    "name": "letters, digits, dots, dashes and underscores, beginning with a letter or digit",
    "storage": "a folder, file:///FOLDER, or another URI, such as s3://BUCKET/PREFIX",
}
_ENTRY: TypeAdapter[Any] = TypeAdapter(AnyEntry)


def load_search_space(path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> SweepConfig:
    """Read a search-space file (YAML), override fields of it, and check all of it.

    An override is "key.path=value" with a YAML value; the name is taken as it stands. A file
    without a name is called after itself. Raises ConfigError with every fault at once, each with
    file and line (or the override), the value given, and the values allowed.
    """
    file = FilePath(path)
    document = _read(file)
    sources = _Sources(str(file), document)
    faults = list(document.duplicates)
    data: dict[str, Any] = dict(document.data)
    data.setdefault("name", file.stem)
    for override in overrides:
        faults += sources.apply(data, override)
    sections, broken, found = _validate(data)
    faults += found
    faults += section_faults(sections, broken)
    if faults:
        faults.sort(key=sources.position)
        raise ConfigError([sources.problem(fault) for fault in faults])
    return SweepConfig(**sections)


def _read(file: FilePath) -> Document:
    """The file's document, a mapping. Raises ConfigError if there is none."""
    wanted = "the path of a search-space file (YAML)"
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Problem(str(file), "no such file", wanted)]) from None
    except IsADirectoryError:
        raise ConfigError([Problem(str(file), "a directory", wanted)]) from None
    except OSError as error:
        given = f"a file that cannot be read ({error.strerror})"
        raise ConfigError([Problem(str(file), given, wanted)]) from None
    except UnicodeDecodeError as error:
        given = f"bytes that are no text (at byte {error.start})"
        raise ConfigError([Problem(str(file), given, "UTF-8 text (YAML)")]) from None
    try:
        document = parse(text)
    except yaml.YAMLError as error:
        line, words = syntax_fault(error)
        where = f"{file}:{line}" if line else str(file)
        allowed = "one YAML document, indented with spaces, brackets and quotes closed"
        raise ConfigError([Problem(where, f"broken YAML ({words})", allowed)]) from None
    if not isinstance(document.data, dict):
        sections = f"sections such as {', '.join(list(SweepConfig.model_fields)[1:5])}"
        given = "an empty file" if document.data is None else show(document.data)
        raise ConfigError([Problem(str(file), given, f"a mapping of {sections}")])
    return document


class _Sources:
    """Where every value comes from: a line of the file or an override."""

    def __init__(self, file: str, document: Document) -> None:
        self.file = file
        self.document = document
        self.overridden: list[Path] = []

    def apply(self, data: dict[str, Any], override: str) -> Iterator[Fault]:
        """Set one field of ``data`` (copying what it changes), or say why not."""
        text_path, equals, text = override.partition("=")
        path: Path = tuple(text_path.strip().split("."))
        self.overridden.append(path)
        if not equals or "" in path:
            yield Fault(path, show(override), "key.path=value, e.g. training.batch_size=32")
            return
        try:
            value = text if path == ("name",) else parse(text).data
        except yaml.YAMLError as error:
            yield Fault(path, f"broken YAML ({syntax_fault(error)[1]})", "a value in YAML")
            return
        at: Any = data
        for depth, key in enumerate(path[:-1], start=1):
            below = at.get(key)
            if not isinstance(below, dict | None):
                yield Fault(
                    path,
                    f"a key below {dotted(path[:depth])}, which is {show(below)}",
                    "a key below a mapping; lists and values are set as a whole",
                )
                return
            at[key] = dict(below or {})
            at = at[key]
        at[path[-1]] = value

    def problem(self, fault: Fault) -> Problem:
        """The fault with its line or override."""
        set_here = [path for path in self.overridden if fault.path[: len(path)] == path]
        if set_here:
            return Problem(f"--set {dotted(fault.path)}", fault.given, fault.allowed)
        line = self.document.line(fault.path)
        where = f"{self.file}:{line}" if line else self.file
        inside = [path for path in self.overridden if path[: len(fault.path)] == fault.path]
        also = "".join(f" (with --set {dotted(path)})" for path in inside)
        return Problem(f"{where}: {dotted(fault.path)}{also}", fault.given, fault.allowed)

    def position(self, fault: Fault) -> int:
        """What faults are sorted by: the line."""
        return self.document.line(fault.path) or 0


def _validate(data: Mapping[str, Any]) -> tuple[dict[str, Any], set[str], list[Fault]]:
    """The sections that are right by themselves, the entries that are not, and the faults.

    Every section, and every entry of the space, is validated on its own, so that no fault hides
    another one. A section that is absent or left empty has its defaults.
    """
    fields = SweepConfig.model_fields
    sections = {key: field.default for key, field in fields.items() if data.get(key) is None}
    broken: set[str] = set()
    faults: list[Fault] = []
    for key, given in data.items():
        if key not in fields:
            faults.append(unknown_key((key,), fields))
        elif key == "space" and isinstance(given, dict):
            sections[key], broken = _space(given, faults)
        elif given is not None:
            try:
                sections[key] = _adapter(key).validate_python(given)
            except ValidationError as error:
                faults += _section_faults(key, given, error)
    return sections, broken, faults


@cache
def _adapter(key: str) -> TypeAdapter[Any]:
    """What validates one section."""
    field = SweepConfig.model_fields[key]
    # Annotated takes its arguments as one tuple when they are computed.
    return TypeAdapter(Annotated[(field.annotation, field)])  # type: ignore[arg-type]


def _section_faults(key: str, given: object, error: ValidationError) -> list[Fault]:
    if key in TEXTS:
        return [Fault((key,), show(given), TEXTS[key])]
    model = SweepConfig.model_fields[key].annotation
    if key != "task":
        return model_faults(error, given, (key,), {"": cast("type[BaseModel]", model)})
    if not isinstance(given, dict):
        return [Fault((key,), show(given), " or ".join(f"{{kind: {kind}}}" for kind in TASKS))]
    return model_faults(error, given, (key,), TASKS)


def _space(given: dict[str, Any], faults: list[Fault]) -> tuple[Space, set[str]]:
    """The entries that are right by themselves, and the names of the others."""
    entries: dict[str, Any] = {}
    for name, entry in given.items():
        try:
            entries[name] = _ENTRY.validate_python(entry)
        except ValidationError as error:
            faults += _entry_faults(("space", name), entry, error)
        if name not in NAMES:
            faults.append(unknown_hyperparameter(("space", name)))
            entries.pop(name, None)
    return Space(entries), set(given) - set(entries)


def _entry_faults(path: Path, entry: object, error: ValidationError) -> list[Fault]:
    if not isinstance(entry, dict):
        return [Fault(path, show(entry), FORMS)]
    hints = "" if set(entry) & set(KINDS) else "".join(did_you_mean(key, KINDS) for key in entry)
    return [
        fault._replace(allowed=fault.allowed + hints) if fault.path == path else fault
        for fault in model_faults(error, entry, path, ENTRIES)
    ]

"""Faults in plain words: where (a path of keys), what was given, what is allowed."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from msann_sweep.config.hyperparameters import NAMES, Hyperparameters, Value
from msann_sweep.errors import ConfigError, Problem
from msann_sweep.secrets import masked

Path = tuple[str | int, ...]

WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    dict: "a mapping (key: value)",
    types.NoneType: "null",
}

BOUNDS: tuple[tuple[type, str, str], ...] = (
    (annotated_types.Ge, ">=", "ge"),
    (annotated_types.Gt, ">", "gt"),
    (annotated_types.Le, "<=", "le"),
    (annotated_types.Lt, "<", "lt"),
)


class Fault(NamedTuple):
    """One fault; ``path`` leads to it from the top of the file."""

    path: Path
    given: str
    allowed: str


def dotted(path: Path) -> str:
    """The path as a person writes it: search.start_points[0].L."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.lstrip(".")


def raise_any(faults: Iterable[Fault]) -> None:
    """Raise a ConfigError with these faults, if there are any."""
    problems = [Problem(dotted(path), given, allowed) for path, given, allowed in faults]
    if problems:
        raise ConfigError(problems)


def show(value: object) -> str:
    """A value as it stands in a file, cut short if it is long."""
    try:
        text = masked(json.dumps(value, ensure_ascii=False, default=str))
    except ValueError:
        return "a value that contains itself"
    return text if len(text) <= 80 else text[:76] + " ..."


def one_of(known: Iterable[object], given: object = None) -> str:
    """The values to choose from and, if one of them resembles ``given``, a hint."""
    words = [str(word) for word in known]
    return ", ".join(words) + did_you_mean(given, words)


def did_you_mean(given: object, words: Iterable[str]) -> str:
    """A hint at the word that resembles ``given``, or nothing."""
    folded = {word.casefold(): word for word in words}
    close = get_close_matches(str(given).casefold(), folded, n=1) if isinstance(given, str) else []
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""


def unknown_key(path: Path, known: Iterable[str]) -> Fault:
    """The fault of a key that nothing is known by."""
    return Fault(path, f"an unknown key, {show(path[-1])}", one_of(known, path[-1]))


def in_words(annotation: Any, constraints: Iterable[Any] = (), given: object = None) -> str:
    """What a type admits, in words."""
    constraints = [part for item in constraints for part in _unpacked(item)]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return in_words(args[0], [*args[1:], *constraints], given)
    if origin in (Union, types.UnionType):
        if set(args) == set(get_args(Value)):
            return "a number or text"
        members = sorted(args, key=lambda member: member is not types.NoneType)
        return " or ".join(in_words(member, constraints, given) for member in members)
    if origin is Literal:
        return one_of(args, given)
    if origin is tuple:
        shape = "a list of values" if args[-1] is Ellipsis else "[low, high]"
        return f"{shape}, each {in_words(args[0])}"
    if isinstance(given, float) and not math.isfinite(given):
        return "a finite number" + _bounds(constraints)
    return WORDS.get(origin or annotation, "a path") + _bounds(constraints)


def _unpacked(constraint: Any) -> Iterable[Any]:
    return constraint.metadata if isinstance(constraint, FieldInfo) else (constraint,)


def _bounds(constraints: Iterable[Any]) -> str:
    words = [
        f"{sign} {getattr(constraint, name)}"
        for constraint in constraints
        for kind, sign, name in BOUNDS
        if isinstance(constraint, kind)
    ]
    return (" " if words else "") + " and ".join(words)


def model_faults(
    error: ValidationError, data: object, path: Path, models: Mapping[str, type[BaseModel]]
) -> list[Fault]:
    """A model's complaints about ``data``, which stands at ``path``, one fault per place.

    ``models`` are the models by the tag that pydantic puts first into a location ("" if there
    is only one and no tag).
    """
    faults: dict[Path, Fault] = {}
    for detail in error.errors(include_url=False):
        if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
            key = detail["ctx"]["discriminator"].strip("'")
            inside, given = _follow(data, (key,))
            words = show(given) if inside else "nothing"
            faults[path] = Fault((*path, key), words, one_of(models, given))
            continue
        location = detail["loc"]
        tagged = bool(location) and location[0] in models
        model = models[str(location[0])] if tagged else models.get("")
        fault = _fault(detail, location[1:] if tagged else location, data, path, model)
        faults.setdefault(fault.path, fault)
    # A list with a wrong item may also be told off as a whole.
    inner = {place[:depth] for place in faults for depth in range(len(place))}
    return [fault for place, fault in faults.items() if place not in inner]


def _fault(
    detail: Any, location: Path, data: object, path: Path, model: type[BaseModel] | None
) -> Fault:
    fields = {field.alias or name: field for name, field in _fields(model).items()}
    kind = detail["type"]
    if kind in ("extra_forbidden", "invalid_key"):
        return unknown_key((*path, *location), fields)
    if kind == "missing":
        return Fault((*path, *location), "nothing", "a value is needed")
    if location and location[-1] == "[key]":
        key = location[-2]
        return Fault((*path, *location[:-1]), f"{show(key)} as a key", "text as a key")
    inside, given = _follow(data, location)
    if kind == "allowed":
        return Fault((*path, *inside), show(given), detail["msg"])
    if not inside or inside[0] not in fields:
        return Fault((*path, *inside), show(given), "a mapping (key: value)")
    if kind == "string_pattern_mismatch":
        return Fault((*path, *inside), show(given), fields[str(inside[0])].description or "text")
    return Fault((*path, *inside), show(given), _field(fields[str(inside[0])], inside[1:], given))


def _fields(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    return model.model_fields if model else {}


def _follow(data: object, location: Path) -> tuple[Path, object]:
    """As much of a location as exists in the data, and what stands there."""
    inside: Path = ()
    for key in location:
        known = isinstance(data, Mapping) and key in data
        if not known and not (isinstance(data, list | tuple) and isinstance(key, int)):
            break
        data = data[key]  # type: ignore[index]  # a mapping or a sequence, by the line above
        inside += (key,)
    return inside, data


def _field(field: FieldInfo, inside: Path, given: object) -> str:
    """What a field admits, or one of its items."""
    annotation: Any = field.annotation
    constraints: list[Any] = list(field.metadata)
    for key in inside:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        args = get_args(annotation)
        if not args:
            break
        annotation, constraints = args[0 if isinstance(key, int) else -1], []
    return in_words(annotation, constraints, given)


@cache
def _domain(name: str) -> TypeAdapter[Any]:
    field = Hyperparameters.model_fields[name]
    return TypeAdapter(
        Annotated[(field.annotation, field)],  # type: ignore[arg-type]  # a type made at run time
        config={"strict": True, "allow_inf_nan": False},
    )


def domain_fault(path: Path, name: str, value: object) -> Fault | None:
    """What is wrong with a hyperparameter's value, if anything: its type or its bounds."""
    try:
        _domain(name).validate_python(value)
    except ValidationError:
        field = Hyperparameters.model_fields[name]
        allowed = in_words(field.annotation, field.metadata, value)
        return Fault(path, show(value), f"for {name}: {allowed}")
    return None


def unknown_hyperparameter(path: Path) -> Fault:
    """The fault of a name that is no hyperparameter's."""
    return Fault(path, f"an unknown hyperparameter, {show(path[-1])}", one_of(NAMES, path[-1]))

"""The reference of search-space files, written from the models: ``docs/search_space.md`` shows it.

``python -m msann_sweep.config.reference`` prints it as Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from msann_sweep.config.entry import ENTRIES
from msann_sweep.config.faults import in_words, show
from msann_sweep.config.hyperparameters import PLAIN, Hyperparameters
from msann_sweep.config.space import Space
from msann_sweep.config.sweep_config import SweepConfig

TABLE = ("| key | values | default | meaning |", "|---|---|---|---|")


def reference() -> str:
    """Every section and field with what it admits, its default and its docstring, as Markdown."""
    fields = SweepConfig.model_fields
    plain = {name: field for name, field in fields.items() if not _models(field.annotation)}
    lines = ["## At the top", "", *_table(plain), ""]
    for name, field in fields.items():
        for model in _models(field.annotation):
            lines += _space() if model is Space else _section(name, model, name)
    return "\n".join(lines).rstrip() + "\n"


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that a type consists of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _section(title: str, model: type[BaseModel], path: str) -> Iterator[str]:
    """A heading, the model's docstring and its fields; then the models among these."""
    fields = model.model_fields
    if "kind" in fields:
        title = f"{path}: kind {fields['kind'].default}"
        fields = {"kind": fields["kind"], **fields}
    yield from (f"## {title}", "", _words(model.__doc__), "", *_table(fields), "")
    for name, field in model.model_fields.items():
        for inner in _models(field.annotation):
            yield from _section(f"{path}.{name}", inner, f"{path}.{name}")


def _space() -> Iterator[str]:
    """The hyperparameters, then the forms that an entry can have."""
    fields = Hyperparameters.model_fields
    yield from ("## space", "", _words(Space.__doc__), "", *_table(fields), "")
    yield f"At `L: 0` only {', '.join(f'`{name}`' for name in PLAIN)} mean something."
    yield from ("", "### Entries of the space", "")
    for entry in ENTRIES.values():
        yield from (f"**{entry.__name__}.** {_words(entry.__doc__)}", "")
        yield from (*_table(entry.model_fields), "")


def _table(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield from TABLE
    for name, field in fields.items():
        cells = (f"`{field.alias or name}`", _values(field), _default(field))
        yield f"| {' | '.join(cells)} | {_words(field.description)} |"


def _values(field: FieldInfo) -> str:
    if _models(field.annotation):
        return "a mapping, below"
    words = in_words(field.annotation, field.metadata)
    return words.replace("|", "\\|").replace(" >= ", " ≥ ").replace(" <= ", " ≤ ")


def _default(field: FieldInfo) -> str:
    """The default as a file writes it."""
    if field.is_required():
        return "needed"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return "its own"
    return "`null`" if _is_null(field, default) else f"`{show(default)}`"


def _is_null(field: FieldInfo, default: object) -> bool:
    """Whether null stands for the default where that has another form inside the program."""
    if default is None:
        return True
    try:
        # Annotated takes its arguments as one tuple when they are computed.
        adapter = TypeAdapter[Any](Annotated[(field.annotation, field)])  # type: ignore[arg-type]
        return bool(adapter.validate_python(None) == default)
    except ValidationError:
        return False


def _words(text: str | None) -> str:
    """A docstring in one line, fit for a table's cell."""
    return " ".join((text or "").split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    print(reference(), end="")

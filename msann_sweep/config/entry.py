"""The entries of a search space: a constant, a choice, or a range, each perhaps conditional."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from msann_sweep.config.condition import Condition
from msann_sweep.config.hyperparameters import Frozen, Value

KINDS = ("value", "choice", "int", "float")
FORMS = "a constant, {choice: [...]}, {int: [low, high]}, {float: [low, high]} or {value: ...}"


class Entry(Frozen):
    """What a hyperparameter is in a search space; the subclasses say which values it takes."""

    model_config = ConfigDict(populate_by_name=True)

    when: dict[str, Condition] = Field(default_factory=dict)
    """Sampled only if all of these hold, e.g. {L: ">0", prolongation: [path, grid]}."""

    def options(self) -> tuple[Value, ...] | None:
        """All values in order, or None for a continuous range."""
        raise NotImplementedError

    def extremes(self) -> tuple[Value, ...]:
        """Values that are in a hyperparameter's domain only if all values of the entry are."""
        raise NotImplementedError

    def admits(self, value: Value) -> bool:
        """Whether the value is one that the entry takes."""
        return value in (self.options() or ())

    @model_serializer(mode="wrap")
    def _briefly(self, handler: SerializerFunctionWrapHandler) -> Any:
        """Leave out what is at its default; ``when`` comes last."""
        fields = type(self).model_fields
        at_default = {
            field.alias or name
            for name, field in fields.items()
            if not field.is_required()
            and getattr(self, name) == field.get_default(call_default_factory=True)
        }
        written = {key: value for key, value in handler(self).items() if key not in at_default}
        conditions = {"when": written.pop("when")} if "when" in written else {}
        return written | conditions


class Constant(Entry):
    """One value; written bare, or as {value: ..., when: ...}."""

    value: Value
    """The value."""

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, given: Any) -> Any:
        return given if isinstance(given, dict) else {"value": given}

    @model_serializer(mode="wrap")
    def _briefly(self, handler: SerializerFunctionWrapHandler) -> Any:
        written = handler(self)
        return {"value": self.value, "when": written["when"]} if self.when else self.value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A bare scalar stands for a constant, too."""
        written_out = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": ["number", "string"]}, dict(written_out)]}

    def options(self) -> tuple[Value, ...]:
        """The one value."""
        return (self.value,)

    def extremes(self) -> tuple[Value, ...]:
        """The one value."""
        return (self.value,)


class Choice(Entry):
    """One of a list of values: {choice: [...]}."""

    values: Annotated[tuple[Value, ...], Field(strict=False, min_length=1)] = Field(alias="choice")
    """The values, each once."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.values)) < len(self.values):
            raise PydanticCustomError("allowed", "a choice that lists every value once")
        return self

    def options(self) -> tuple[Value, ...]:
        """The values as listed."""
        return self.values

    def extremes(self) -> tuple[Value, ...]:
        """The values as listed."""
        return self.values


class IntRange(Entry):
    """A whole number between two others, both included: {int: [low, high]}."""

    bounds: Annotated[tuple[int, int], Field(strict=False)] = Field(alias="int")
    """Lowest and highest value."""
    log: bool = False
    """Sample the logarithm evenly."""
    step: int = Field(1, ge=1)
    """Distance of neighbouring values, counted from the lowest."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.low > self.high:
            raise PydanticCustomError("allowed", "int: [low, high] with low <= high")
        if self.log and (self.low < 1 or self.step != 1):
            raise PydanticCustomError("allowed", "with log: true, low >= 1 and no step")
        return self

    @property
    def low(self) -> int:
        """Lowest value."""
        return self.bounds[0]

    @property
    def high(self) -> int:
        """Highest value, reached if the step divides the distance to the lowest."""
        return self.bounds[1]

    def options(self) -> tuple[Value, ...]:
        """All values, ascending."""
        return tuple(range(self.low, self.high + 1, self.step))

    def extremes(self) -> tuple[Value, ...]:
        """Lowest and highest value that is taken."""
        return self.low, self.high - (self.high - self.low) % self.step


class FloatRange(Entry):
    """A number between two others: {float: [low, high]}."""

    bounds: Annotated[tuple[float, float], Field(strict=False)] = Field(alias="float")
    """Lowest and highest value."""
    log: bool = False
    """Sample the logarithm evenly."""
    step: Annotated[float, Field(gt=0)] | None = None
    """Distance of neighbouring values, counted from the lowest; null: every value between."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.low > self.high:
            raise PydanticCustomError("allowed", "float: [low, high] with low <= high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise PydanticCustomError("allowed", "with log: true, low > 0 and no step")
        return self

    @property
    def low(self) -> float:
        """Lowest value."""
        return self.bounds[0]

    @property
    def high(self) -> float:
        """Highest value, reached if the step (if any) divides the distance to the lowest."""
        return self.bounds[1]

    def options(self) -> tuple[Value, ...] | None:
        """All values, ascending, if there is a step; None otherwise."""
        if self.step is None:
            return None
        # A hair more than the distance, lest rounding lose the highest value.
        count = int((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(float(f"{self.low + i * self.step:.12g}") for i in range(count))

    def extremes(self) -> tuple[Value, ...]:
        """The bounds."""
        return self.bounds

    def admits(self, value: Value) -> bool:
        """Whether the value is one that the entry takes."""
        if isinstance(value, str) or not self.low <= value <= self.high:
            return False
        # A value has been divided and multiplied by the step on its way.
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(steps - round(steps)) < 1e-6


ENTRIES: dict[str, type[Entry]] = {
    "value": Constant,
    "choice": Choice,
    "int": IntRange,
    "float": FloatRange,
}


def _kind(given: Any) -> str | None:
    """Which of ENTRIES this is; None if it is none of them, or several at once."""
    if isinstance(given, Entry):
        return next(kind for kind, cls in ENTRIES.items() if isinstance(given, cls))
    if not isinstance(given, dict):
        return None if isinstance(given, list) or given is None else "value"
    kinds = [kind for kind in KINDS if kind in given]
    return kinds[0] if len(kinds) == 1 else None


AnyEntry = Annotated[
    Annotated[Constant, Tag("value")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[IntRange, Tag("int")]
    | Annotated[FloatRange, Tag("float")],
    Discriminator(_kind, custom_error_type="allowed", custom_error_message=FORMS),
]

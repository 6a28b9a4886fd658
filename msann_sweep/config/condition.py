"""The conditions of ``when``: a comparison (">0"), a list of values, or one value."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from msann_sweep.config.hyperparameters import Value

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
FORMS = '">0", ">=2", "<3", "<=3", "==2", "!=2", a value, or a list of values'


def comparison(condition: object) -> tuple[str, Value] | None:
    """Sign and operand of a condition such as ">=2"; None for a value or a list."""
    if not isinstance(condition, str):
        return None
    match = re.fullmatch(r"\s*([<>]=?|[=!]=)\s*(.*?)\s*", condition)
    return (match[1], _number(match[2])) if match else None


def _number(text: str) -> Value:
    """The number that is written here, or the text itself."""
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text


def _well_formed(condition: Value | tuple[Value, ...]) -> Value | tuple[Value, ...]:
    parsed = comparison(condition)
    if parsed is not None:
        sign, operand = parsed
        if operand == "" or (sign not in ("==", "!=") and isinstance(operand, str)):
            raise PydanticCustomError("allowed", "{forms}", {"forms": FORMS})
    if condition == ():
        raise PydanticCustomError("allowed", "{forms}", {"forms": FORMS})
    return condition


Condition = Annotated[
    Value | Annotated[tuple[Value, ...], Field(strict=False)], AfterValidator(_well_formed)
]


def holds(condition: Value | tuple[Value, ...], value: Value) -> bool:
    """Whether ``value`` meets the condition; text is never above or below anything."""
    if isinstance(condition, tuple):
        return value in condition
    parsed = comparison(condition)
    if parsed is None:
        return value == condition
    sign, operand = parsed
    if isinstance(value, str) != isinstance(operand, str):
        return sign == "!="
    return COMPARISONS[sign](value, operand)


def operands(condition: Value | tuple[Value, ...]) -> tuple[Value, ...]:
    """The values a condition speaks of."""
    if isinstance(condition, tuple):
        return condition
    parsed = comparison(condition)
    return (condition,) if parsed is None else (parsed[1],)


def is_ordering(condition: Value | tuple[Value, ...]) -> bool:
    """Whether it compares by size, which makes sense for numbers only."""
    parsed = comparison(condition)
    return parsed is not None and parsed[0] not in ("==", "!=")

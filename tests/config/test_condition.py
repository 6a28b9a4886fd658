from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from msann_sweep.config.condition import Condition, holds, is_ordering, operands

SIGNS = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
NUMBERS = st.integers(-100, 100) | st.floats(-1e6, 1e6)


@given(sign=st.sampled_from(sorted(SIGNS)), value=NUMBERS, operand=NUMBERS, space=st.booleans())
def test_comparison_is_that_of_numbers(
    sign: str, value: float, operand: float, space: bool
) -> None:
    condition = f"{sign}{' ' if space else ''}{operand}"
    assert holds(condition, value) == SIGNS[sign](value, operand)


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        (2, 2, True),
        (2, 3, False),
        ("path", "path", True),
        ("path", "grid", False),
        (("path", "grid"), "grid", True),
        (("path", "grid"), "random", False),
        ("!=random", "path", True),
        ("!=random", "random", False),
        ("==path", "path", True),
        (">0", "path", False),
        ("!=0", "path", True),
    ],
)
def test_equality_membership_and_text(condition: object, value: object, expected: bool) -> None:
    assert holds(condition, value) is expected  # type: ignore[arg-type]  # a table of both types


@pytest.mark.parametrize("condition", [">", ">= ", "<x", "==", [], None, True, {"L": 1}])
def test_malformed_conditions_are_refused(condition: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Condition, config={"strict": True}).validate_python(condition)


def test_parts_of_a_condition() -> None:
    assert operands("!=path") == ("path",)
    assert operands(">=2") == (2,)
    assert operands(("a", 1)) == ("a", 1)
    assert operands(3) == (3,)
    assert is_ordering("<3")
    assert not is_ordering("==3")
    assert not is_ordering(3)

"""What all settings share: one frozen model per section, types with bounds, and how they are read and refused."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from tracklight.errors import InputError, complaint

Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    Field(description="auto takes a GPU when there is one and says so; cuda without one is an error"),
]
Fraction = Annotated[float, Field(ge=0, le=1)]
# Longer than any contig, and small enough that sums and products of two fit into 64 bits.
LARGEST = 10**9
Whole = Annotated[int, Field(le=LARGEST)]
PathText = Annotated[str, Field(min_length=1)]
NO_EQUALS, NO_COLON, SAFE = r"^[^=]+$", r"^[^:;]+$", r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
CLASS = r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"
PATTERNS = {
    NO_EQUALS: "a name without =",
    NO_COLON: "a name without : and ;",
    SAFE: "letters, digits, _ . and -, a letter or digit first",
    CLASS: "package.module:Class",
}
Name = Annotated[str, Field(pattern=NO_EQUALS)]  # given to a stage as name=file


class Settings(BaseModel):
    """Base of all settings: frozen, unknown keys refused, numbers finite and never written as true or false."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        values = value if isinstance(value, list) else [value]
        if cls.model_fields[str(info.field_name)].annotation is not bool and any(isinstance(v, bool) for v in values):
            raise ValueError("a value other than true and false")
        return value


T = TypeVar("T", bound=Settings)


def load(model: type[T], source: str | None, *, section: str) -> T:
    """Read settings of type `model` from inline JSON or from a YAML/JSON file; None gives the defaults."""
    values = {} if source is None else _mapping(source, section=section)
    return validate(model, values, where=section)


def validate(model: type[T], values: dict[str, Any], *, where: str) -> T:
    """Check `values` against `model`; the first fault becomes one line that names the key's path."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _first_fault(model, error, where=where) from None


def _mapping(source: str, *, section: str) -> dict[str, Any]:
    text = source if source.lstrip().startswith("{") else _read(source, section=section)
    try:
        values = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise complaint("settings are neither JSON nor YAML", where=section, got=error) from None
    if not isinstance(values, dict):
        raise complaint("settings must be a mapping of keys to values", where=section, got=type(values).__name__)
    return values


def _read(path: str, *, section: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise complaint(
            "cannot read the settings file", where=f"{section}: {path}", got=error.strerror,
            do="check its name and permissions, or give the settings as JSON in braces",
        ) from None  # fmt: skip
    except ValueError as error:
        where = f"{section}: {path}"
        raise complaint("settings file is not text", where=where, got=error, allowed="UTF-8 text") from None


def _first_fault(model: type[Settings], error: ValidationError, *, where: str) -> InputError:
    # A misspelt key is often the missing one too: the unknown name says more.
    fault = min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    path = ".".join([where, *map(str, fault["loc"])])
    if fault["type"] == "extra_forbidden":
        allowed = _keys(model, fault["loc"][:-1])
        return complaint("unknown setting", where=path, allowed=allowed, do="remove it or correct its name")
    if fault["type"] == "missing":
        return complaint("setting is missing", where=path, do="add it to the configuration")
    allowed = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "string_pattern_mismatch":
        allowed = PATTERNS.get(fault["ctx"]["pattern"], allowed)
    # A fault of several settings together comes with all of them: printed first, they would hide the reason.
    got = None if isinstance(fault["input"], dict) and fault["type"] == "value_error" else repr(fault["input"])
    return complaint("setting is not allowed", where=path, got=got, allowed=allowed)


def _keys(model: type[Settings], path: tuple[int | str, ...]) -> str:
    for key in path:
        inner = model.model_fields[str(key)].annotation
        if not (isinstance(inner, type) and issubclass(inner, Settings)):
            break
        model = inner
    return ", ".join(model.model_fields)

"""The stage `schema`: the configuration described by its own models, as JSON schema or as a table for the docs."""

import argparse
import json
import sys
from typing import Any

from tracklight.settings import CONFIGS, LARGEST

HEAD = """# Settings

Every key of the configuration. A key that is not here is refused. This page is generated from the models in
`src/tracklight/settings/` by `make docs`; a key without a default has to be given.
Integers of any key end at ±1 000 000 000, numbers are finite.
"""
TITLES = {"dna": "Runs on DNA", "eeg": "Runs on sleep EEG (`modality: eeg`)"}
COLUMNS = "| key | allowed | default | meaning |\n|---|---|---|---|"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--table`."""
    parser.add_argument("--table", action="store_true", help="print Markdown tables of all keys instead")
    parser.add_argument("--modality", choices=CONFIGS, default="dna", help="whose JSON schema (default: dna)")


def run(arguments: argparse.Namespace) -> None:
    """Print the schema, or the table."""
    sys.stdout.write(settings_page() if arguments.table else json_schema(arguments.modality))


def json_schema(modality: str) -> str:
    """Return the JSON schema of the configuration of a run on `dna` or `eeg` as text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **CONFIGS[modality].model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def settings_page() -> str:
    """Return every setting with what it allows, its default and its meaning, as a Markdown page."""
    parts = [HEAD]
    for modality, config in CONFIGS.items():
        parts += [f"\n# {TITLES[modality]}\n", *_sections(config.model_json_schema())]
    return "\n".join(parts) + "\n"


def _sections(schema: dict[str, Any]) -> list[str]:
    models = schema["$defs"]
    sections = {key: _section(field, models) for key, field in schema["properties"].items()}
    top = {key: field for key, field in schema["properties"].items() if sections[key] is None}
    parts = ["## The run\n", COLUMNS, *_rows({**schema, "properties": top}, models, prefix="")]
    for key, section in sections.items():
        if section is not None:
            title, model = section
            parts += [f"\n## `{key}`\n\n{title}\n", COLUMNS, *_rows(model, models, prefix="")]
    return parts


def _section(field: dict[str, Any], models: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return the title and the model of a section; of a map of names to models, the model of each name."""
    model = _model(field, models)
    if model is not None:
        return model["description"], model
    inner = _model(_values(field), models) if field.get("type") == "object" else None
    return None if inner is None else (f"A map of names; under each name:\n\n{inner['description']}", inner)


def _rows(model: dict[str, Any], models: dict[str, Any], *, prefix: str) -> list[str]:
    rows = []
    for key, field in model["properties"].items():
        inner = _model(field, models)
        if inner is not None:
            rows += _rows(inner, models, prefix=f"{prefix}{key}.")
            continue
        default = "required" if key in model.get("required", []) else f"`{json.dumps(field.get('default'))}`"
        cells = (f"`{prefix}{key}`", _allowed(field), default, field["description"])
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return rows


def _model(field: dict[str, Any], models: dict[str, Any]) -> dict[str, Any] | None:
    return models[field["$ref"].rsplit("/", 1)[1]] if "$ref" in field else None


def _allowed(field: dict[str, Any]) -> str:
    if not field:
        return "anything"
    if "anyOf" in field:
        return " or ".join(_allowed(choice) for choice in field["anyOf"])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "prefixItems" in field:
        return "list of two: " + ", ".join(map(_allowed, field["prefixItems"]))
    if field["type"] == "array":
        return f"list of {_allowed(field['items'])}"
    if field["type"] == "object":
        return f"map of text to {_allowed(_values(field))}"
    return _word(field) + _bounds(field)


def _word(field: dict[str, Any]) -> str:
    return {"string": "text", "boolean": "true, false", "null": "null"}.get(field["type"], field["type"])


def _bounds(field: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {field[key]:g}" for key, sign in signs.items() if abs(field.get(key, LARGEST)) != LARGEST]
    return " " + " and ".join(bounds) if bounds else ""


def _values(mapping: dict[str, Any]) -> dict[str, Any]:
    """Return what a mapping's values may be; keys with a pattern of their own stand elsewhere in the schema."""
    found = mapping.get("additionalProperties") or next(iter(mapping["patternProperties"].values()))
    return {} if found is True else dict(found)

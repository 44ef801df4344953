"""The JSON Schema of a contract, for editors: made from the dataclasses, so that it says what they say."""

import json
from dataclasses import fields
from typing import Any

from mashumaro.jsonschema import build_json_schema

from sluice.contract import model
from sluice.contract.reference import described

SCHEMA_FILE = "contract.schema.json"


def contract_schema() -> str:
    """The schema as text, the same for the same code."""
    schema = build_json_schema(model.Contract, all_refs=True, with_dialect_uri=True).to_dict()
    for name, definition in schema["$defs"].items():
        _describe(getattr(model, name), definition)
    schema["title"] = "Sluice contract"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _describe(value: type, definition: dict[str, Any]) -> None:
    """Forbid other fields, and give each its words from the docstring."""
    definition["additionalProperties"] = False
    words = described(value)
    for item in fields(value):
        text = words.get(item.name)
        if text and "$ref" not in definition["properties"][item.name]:
            definition["properties"][item.name]["description"] = text.replace("`", "")
    if "format" in definition["properties"] and value is not model.Column:
        definition.setdefault("required", []).append("format")

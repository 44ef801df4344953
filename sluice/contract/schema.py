"""The JSON Schema of a contract, for editors. Made from the dataclasses, so it cannot say anything else than they do."""

import json
import re
from dataclasses import fields
from inspect import cleandoc
from typing import Any

from mashumaro.jsonschema import build_json_schema

from sluice.contract import model

SCHEMA_FILE = "contract.schema.json"
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n        .*)*)", re.MULTILINE)


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
    words = dict(_ATTRIBUTE.findall("\n".join(f"{line}" for line in cleandoc(value.__doc__ or "").splitlines())))
    for item in fields(value):
        text = words.get(item.name)
        if text and "$ref" not in definition["properties"][item.name]:
            definition["properties"][item.name]["description"] = " ".join(text.replace("`", "").split())
    if "format" in definition["properties"] and value is not model.Column:
        definition.setdefault("required", []).append("format")

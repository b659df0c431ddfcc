"""Writes the generated parts of docs/ from the declarations that they describe.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``. With ``--check``
nothing is written, and the exit code is 1 if a part is out of date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import getdoc, isfunction, signature
from itertools import groupby
from pathlib import Path
from textwrap import dedent
from typing import Any

from jobs import api as api_module
from jobs.cli.command import Command, CommandGroup
from jobs.cli.commands import COMMANDS
from jobs.common.options import Option, declared_options
from jobs.evaluation.figure import Section
from jobs.evaluation.figures import in_section
from jobs.preference.kind import docs_of
from jobs.preference.registry import built_in_kinds
from jobs.scenarios import Scenario
from jobs.sources.simulator.options import SimulatorOptions
from jobs.stages import ALIGNMENT_STAGES, STAGES, UPKEEP_STAGES

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

Schema = Mapping[str, Any]

_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
# A bound from here on is that of the storage and tells a reader nothing.
_NO_BOUND = 2**60
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
}


def kinds() -> str:
    """The kinds of preference data that come with the project."""
    rows = [
        (f"`{one.name}`", docs_of(one).rstrip("."), one.keyed_by, one.takes, ", ".join(one.modes))
        for one in built_in_kinds()
    ]
    return _table(("kind", "what a row holds", "keyed by", "value", "modes"), rows)


def scenario() -> str:
    """Every key of a scenario, one section for each part of it."""
    schema = Scenario.model_json_schema()
    sections = "\n".join(_sections("", _filled(schema, "name"), schema["$defs"], level=3))
    options = _filled(SimulatorOptions.model_json_schema(), "start", " (default: schedule.start)")
    return f"{sections}\n{_section('source.options', '(reader: simulated)', options, {}, 4)}"


def _filled(schema: Schema, key: str, note: str = "") -> Schema:
    """With a key that the model requires, but that is filled in before it is validated."""
    field = schema["properties"][key]
    described = {**field, "description": f"{field['description'].split('.')[0]}{note}"}
    required = [other for other in schema["required"] if other != key]
    properties = {**schema["properties"], key: described}
    return {**schema, "required": required, "properties": properties}


def _sections(
    path: str, schema: Schema, models: Schema, level: int, note: str = ""
) -> Iterator[str]:
    """The section of one part, then those of the parts that it consists of."""
    yield _section(path, note, schema, models, level)
    for key, field in schema["properties"].items():
        for model, variant in _parts(field, models):
            inner = f"{path}.{key}" if path else key
            yield from _sections(inner, model, models, 4, variant)


def _section(path: str, note: str, schema: Schema, models: Schema, level: int) -> str:
    heading = f"`{path}`" if path else "Top level"
    about = schema.get("description", "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
    required = schema.get("required", ())
    rows = [
        (f"`{key}`", _type(field, models), _default(field, key in required), _meaning(schema, key))
        for key, field in _described(schema).items()
    ]
    table = _table(("key", "type", "default", "meaning"), rows)
    return f"{'#' * level} {heading} {note}".rstrip() + f"\n\n{about}\n\n{table}"


def _described(schema: Schema) -> Schema:
    """The fields of a model.

    Raises:
        ValueError: If one has no description.
    """
    fields: Schema = schema["properties"]
    for key, field in fields.items():
        if "description" not in field:
            raise ValueError(f"{schema['title']}.{key} has no description: add one to its Field")
    return fields


def _parts(field: Schema, models: Schema) -> list[tuple[Schema, str]]:
    """The models that a field holds, each with the key that selects it among several."""
    if "discriminator" in field:
        selector = field["discriminator"]["propertyName"]
        names = {ref: name for name, ref in field["discriminator"]["mapping"].items()}
        references = [one["$ref"] for one in field["oneOf"]]
        return [(_model(ref, models), f"({selector}: {names[ref]})") for ref in references]
    nested = [field, *field.get("anyOf", ()), *field.get("oneOf", ()), *field.get("allOf", ())]
    references = [one["$ref"] for one in nested if "$ref" in one]
    models_of = [(_model(ref, models), "") for ref in references]
    inner = _parts(field["items"], models) if "items" in field else []
    return [one for one in (*models_of, *inner) if "properties" in one[0]]


def _model(reference: str, models: Schema) -> Schema:
    found: Schema = models[reference.rsplit("/", 1)[1]]
    return found


def _type(field: Schema, models: Schema) -> str:
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "$ref" in field:
        model = _model(field["$ref"], models)
        return "section below" if "properties" in model else _type(model, models)
    options = field.get("anyOf") or field.get("oneOf") or field.get("allOf")
    if options:
        names = [_type(one, models) for one in options if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(names))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}), models)}" if "items" in field else "list"
    if field.get("format") == "date":
        return "date"
    return f"{_TYPES[field['type']]}{_bounds(field)}" if "type" in field else "any"


def _bounds(field: Schema) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    known = {sign: field[key] for key, sign in signs.items() if key in field}
    bounds = [f"{sign} {bound:,}" for sign, bound in known.items() if bound < _NO_BOUND]
    return f" {', '.join(bounds)}" if bounds else ""


def _default(field: Schema, is_required: bool) -> str:
    if is_required:
        return "required"
    if "(default: " in field["description"]:
        return "see meaning"
    default = field.get("default")
    if default in (None, ""):
        return "none"
    if isinstance(default, dict):
        return "section below"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _meaning(schema: Schema, key: str) -> str:
    text = str(schema["properties"][key]["description"]).rstrip(".")
    return f"{text[0].lower()}{text[1:]}" if text[1].islower() else text


def api() -> str:
    """The functions of the Python API."""
    rows = [
        (f"`{name}({', '.join(signature(one).parameters)})`", _first_sentence(one))
        for name in api_module.__all__
        if isfunction(one := getattr(api_module, name))
    ]
    return _table(("function", "what it does"), rows)


def _first_sentence(documented: object) -> str:
    return (getdoc(documented) or "").split("\n\n")[0].replace("\n", " ").rstrip(".")


def commands() -> str:
    """Every command of the command line with its options."""
    return "\n".join(_command(prefix, one) for prefix, one in _all_commands())


def _all_commands() -> Iterator[tuple[str, Command[Any]]]:
    """Each command, and the words before its name."""
    for one in COMMANDS:
        if isinstance(one, CommandGroup):
            for inner in one.commands():
                yield f"lis {one.name}", inner
        else:
            yield "lis", one


def _command(prefix: str, command: Command[Any]) -> str:
    about = f"{command.summary[0].upper()}{command.summary[1:]}."
    rows = [
        (f"`{_flag(name, one)}`", "yes" if one.required else "", one.help)
        for name, one in declared_options(command.options).items()
    ]
    table = _table(("option", "required", "meaning"), rows)
    return f"## {prefix} {command.name}\n\n{about}\n\n{_details(command.details)}{table}"


def _details(text: str) -> str:
    """Paragraphs and examples; in a help text, examples are indented."""
    parts = []
    for is_example, lines in groupby(text.splitlines(), lambda line: line.startswith("  ")):
        part = dedent("\n".join(lines)).strip()
        if part:
            parts.append(f"```bash\n{part}\n```\n\n" if is_example else f"{part}\n\n")
    return "".join(parts)


def _flag(name: str, option: Option) -> str:
    if option.is_positional:
        return option.metavar or name.upper()
    flag = f"--{name.replace('_', '-')}"
    return flag if option.parse is None else f"{flag} {option.metavar or name.upper()}"


def stages() -> str:
    """The stages of a run, of an alignment and of upkeep, in their order."""
    rows = [
        (f"`{one.name}`", one.summary, _names(one.needs), _names(one.publishes))
        for one in (*STAGES, *ALIGNMENT_STAGES, *UPKEEP_STAGES)
    ]
    return _table(("stage", "what it does", "reads", "publishes"), rows)


def figures() -> str:
    """The figures of a result, one section for each of their groups."""
    return "\n".join(_figures(section) for section in Section)


def _figures(section: Section) -> str:
    rows = [
        (f"`{one.name}`", one.description.rstrip("."), one.format, _names(one.columns[1:]))
        for one in in_section(section)
    ]
    table = _table(("figure", "meaning", "format", "further columns"), rows)
    return f"### {section.capitalize()}\n\n{table}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


PARTS: Mapping[str, Callable[[], str]] = {
    "api": api,
    "commands": commands,
    "figures": figures,
    "kinds": kinds,
    "scenario": scenario,
    "stages": stages,
}


def current(page: str) -> str:
    """A page with its generated parts as they are now."""

    def part(match: re.Match[str]) -> str:
        return f"{match[1]}\n{PARTS[match[2]]()}\n{match[3]}"

    return _PART.sub(part, page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the generated parts, or check them."""
    parser = argparse.ArgumentParser(description="Write the generated parts of docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if out of date")
    check = parser.parse_args(arguments).check
    stale = []
    for path in sorted(DOCS.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        new = current(page)
        if new != page:
            stale.append(path.relative_to(ROOT))
            if not check:
                path.write_text(new, encoding="utf-8")
    if check and stale:
        names = ", ".join(map(str, stale))
        sys.stderr.write(f"out of date: {names}: run python scripts/generate_docs.py\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

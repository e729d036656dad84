#!/usr/bin/env python3
"""Writes README.md, the reference for subscribers, from guide.md and the schemas beside it.

Usage: document.py [--check]
--check writes nothing and fails when README.md is not what would be written.
"""

import json
import re
import sys
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent
SCHEMAS = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(DIRECTORY.glob("*.json"))}
COMMON = SCHEMAS["common.json"]["$defs"]
DATA = ["status", "activation", "burst", "stride", "profile", "fatigue", "spectrum", "waveform", "leg", "symmetry"]
EVENTS = sorted(name[:-len(".json")] for name in SCHEMAS if name.startswith("event."))
IN_EVERY_MESSAGE = ["v", "seq", "t", "frame", "session"]

# What stands behind "in" where a description tells a unit; of two that begin alike the longer one first.
UNITS = {
    "microvolt seconds": "µV·s", "microvolts": "µV", "uV^2/Hz": "µV²/Hz", "`unit`": "`unit`",
    "hertz per minute": "Hz/min", "hertz": "Hz", "milliseconds": "ms", "seconds": "s",
    "percent of the trend's start per minute": "%/min", "percent": "%", "decibels": "dB",
    "parts per million": "ppm", "steps per minute": "steps/min", "metres per second": "m/s",
    "millimetres": "mm", "megohms": "MΩ", "frames": "frames",
}
UNIT = re.compile(r"\bin (%s)" % "|".join(map(re.escape, UNITS)), re.IGNORECASE)
# Lists of values that have a section of their own.
SECTIONS = {"flags": "Flags", "code": "Error codes"}
LONGEST_LIST = 8  # elements that an example shows


def resolved(field):
    """A field's schema with what it refers to; what stands beside the reference counts more."""
    if "$ref" in field:
        name, _, pointer = field["$ref"].partition("#/$defs/")
        target = COMMON[pointer] if pointer else SCHEMAS[name]
        return {**resolved(target), **{k: v for k, v in field.items() if k != "$ref"}}
    choices = [choice for choice in field.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1 and len(field["anyOf"]) == 2:
        result = {**resolved(choices[0]), **{k: v for k, v in field.items() if k != "anyOf"}}
        return {**result, "type": types(result) + ["null"]}
    return field


def types(field):
    """The JSON types that a field may have."""
    if "type" in field:
        return field["type"] if isinstance(field["type"], list) else [field["type"]]
    values = [choice["const"] for choice in field.get("oneOf", ()) if "const" in choice]
    values += field.get("enum", []) + ([field["const"]] if "const" in field else [])
    if values:
        names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
        return list(dict.fromkeys(names[type(value)] for value in values))
    return list(dict.fromkeys(t for choice in field.get("anyOf", ()) for t in types(resolved(choice))))


def is_message(field):
    return any("#" not in choice.get("$ref", "#") for choice in [field, *field.get("anyOf", ())])


def fields(schema, path=""):
    """(path, schema) of every field, those inside of objects and of lists of objects behind the one that holds them."""
    for key, raw in schema.get("properties", {}).items():
        field = resolved(raw)
        yield path + key, field
        if is_message(raw):
            continue  # it has a table of its own
        yield from fields(field, path + key + ".")
        if isinstance(field.get("items"), dict):
            yield from fields(resolved(field["items"]), path + key + "[].")
        if isinstance(field.get("additionalProperties"), dict):
            yield from fields(resolved(field["additionalProperties"]), path + key + ".<name>.")


def is_number(field):
    items = resolved(field.get("items", {})) if isinstance(field.get("items"), dict) else {}
    return bool({"number", "integer"} & set(types(field) + types(items)))


def unit(field):
    """The unit that a field's description tells; "" for a count, a ratio or what is no number."""
    found = UNIT.search(field.get("description", "")) if is_number(field) else None
    return {k.lower(): v for k, v in UNITS.items()}[found.group(1).lower()] if found else ""


def escaped(text):
    return re.sub(r"[\w.]*<[\w.<>]+>", r"`\g<0>`", text.replace("|", "\\|"))


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(heading, text=None):
    return "[%s](#%s)" % (text or heading, anchor(heading))


def meaning(key, field):
    text = escaped(field.get("description", ""))
    if key in SECTIONS:
        return "%s See %s." % (text, link(SECTIONS[key]))
    told = ["`%s`: %s" % (json.dumps(choice["const"]).strip('"'), escaped(choice["description"]))
            for choice in field.get("oneOf", ()) if "const" in choice]
    return text + (" %s." % "; ".join(told) if told else "")


def table(*rows):
    lines = ["| %s |" % " | ".join(row) for row in rows]
    return "\n".join([lines[0], "|%s" % (" --- |" * len(rows[0])), *lines[1:]]) + "\n"


def field_table(schema, without=()):
    rows = [("`%s`" % path, " or ".join(types(field)) or "any", unit(field), meaning(path.split(".")[-1], field))
            for path, field in fields(schema) if path not in without]
    return table(("field", "type", "unit", "meaning"), *rows)


def shown(value):
    """An example as text for people: what would be a screen full of numbers is cut."""
    if isinstance(value, list) and len(value) > LONGEST_LIST and not isinstance(value[0], (dict, str)):
        return "[%s, ... %d more]" % (", ".join(map(json.dumps, value[:3])), len(value) - 3)
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (json.dumps(k), shown(v)) for k, v in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(shown, value))
    return json.dumps(value, ensure_ascii=False)


def wrapped(text, width=120):
    lines, line = [], ""
    for word in re.split(r"(?<=,) ", text):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = "%s %s" % (line, word) if line else word
    return "\n".join([*lines, line])


def examples(schema, between="\n\n"):
    return "```\n%s\n```\n" % between.join(wrapped(shown(example)) for example in schema["examples"])


def parts(schema):
    """What a message is, when it is sent, and what is in its array ("": it has none)."""
    found = re.fullmatch(r"(.*?)(?: (Sent .*?))?(?: (Array: .*))?", schema["description"], re.DOTALL)
    return [text or "" for text in found.groups()]


def topic_section(name):
    schema = SCHEMAS[name + ".json"]
    title = schema["title"]
    what, sent, array = parts(schema)
    topic = title.replace("<side>", "left").replace("<muscle>", "soleus")
    text = "### `%s`\n\n%s\n\n%s\n\n" % (title, escaped(what), escaped(sent)) + (array and "%s\n\n" % escaped(array))
    return text + "%s\nOn `%s`:\n\n%s" % (field_table(schema, IN_EVERY_MESSAGE), topic, examples(schema))


def first_sentence(text):
    return escaped(re.split(r"[.;:] ", text)[0].rstrip("."))


def topic_table():
    rows = [("topic", "what", "sent")]
    for name in DATA + EVENTS:
        schema = SCHEMAS[name + ".json"]
        what, sent, _ = parts(schema)
        rows.append((link(schema["title"], "`%s`" % schema["title"]), first_sentence(what), first_sentence(sent[len("Sent "):])))
    return table(*rows)


def commands():
    """(command, its schema, file name of its reply) in the order of the schema."""
    replies = {command: name for name, schema in SCHEMAS.items() if schema["title"].startswith("Reply to ")
               for command in re.split(r", | and ", schema["title"][len("Reply to "):])}
    for branch in SCHEMAS["request.json"]["allOf"]:
        command = branch["if"]["properties"]["command"]["const"]
        yield command, branch["then"], replies[command]


def command_table():
    rows = [("command", "arguments", "what it does", "gives")]
    for command, schema, reply in commands():
        needed = schema.get("required", ())
        takes = [name for name in schema["propertyNames"]["enum"] if name not in ("command", "id")]
        arguments = ", ".join("`%s`" % name if name in needed else "[`%s`]" % name for name in takes)
        gives = [name for name in SCHEMAS[reply]["properties"] if name not in ("ok", "id")] or ["ok"]
        rows.append(("`%s`" % command, arguments, escaped(schema["description"]),
                     link(SCHEMAS[reply]["title"], ", ".join("`%s`" % name for name in gives))))
    return table(*rows)


def span(field):
    return "%s to %s" % (field["minimum"], field["maximum"]) if "minimum" in field and "maximum" in field else ""


def argument_table():
    rows = [("argument", "type", "unit", "range", "meaning")]
    for name, field in fields(SCHEMAS["request.json"]):
        if name != "command":
            rows.append(("`%s`" % name, " or ".join(types(field)) or "any", unit(field), span(field), meaning(name, field)))
    return table(*rows)


def value_table(head, field):
    return table((head, "meaning"), *(("`%s`" % choice["const"], escaped(choice["description"])) for choice in field["oneOf"]))


def reply_section(name):
    schema = SCHEMAS[name]
    return "### %s\n\n%s\n\n%s\n%s" % (schema["title"], escaped(schema["description"]), field_table(schema, ["ok", "id"]) if
                                       set(schema["properties"]) - {"ok", "id"} else "", examples(schema))


def document():
    guide = (DIRECTORY / "guide.md").read_text("utf-8")
    codes = resolved(SCHEMAS["reply.error.json"]["properties"]["error"]["properties"]["code"])
    replies = list(dict.fromkeys(reply for _, _, reply in commands())) + ["reply.error.json"]
    body = "\n".join([
        guide,
        "## Topics\n\nSubscribing to a beginning gives every topic that begins so.\n\n" + topic_table(),
        "## Fields of every message\n\n" + field_table({"properties": {k: COMMON[k] for k in IN_EVERY_MESSAGE}}),
        "## Data\n",
        *map(topic_section, DATA),
        "## Events\n",
        *map(topic_section, EVENTS),
        "## Flags\n\n" + value_table("flag", COMMON["flag"]),
        "## Commands\n\n`{\"command\": \"ping\"}` in, `{\"ok\": true, ...}` or `{\"ok\": false, \"error\": {...}}` out. "
        "Arguments in brackets may be left out.\n\n" + command_table(),
        "## Arguments\n\n" + argument_table() + "\nRequests:\n\n" + examples(SCHEMAS["request.json"], "\n"),
        "## Replies\n\nEach has `ok`, and `id` when the request had one.\n",
        *map(reply_section, replies),
        "## Error codes\n\n" + value_table("code", codes),
    ])
    headings = re.findall(r"^## (.*)$", re.sub(r"```.*?```", "", body, flags=re.DOTALL), re.MULTILINE)
    contents = "".join("- %s\n" % link(heading) for heading in headings)
    return ("# Reference for subscribers\n\n<!-- Written by document.py from guide.md and the schemas: change those. -->\n\n%s\n%s"
            % (contents, body))


def main():
    target = DIRECTORY / "README.md"
    text = document()
    if sys.argv[1:] == ["--check"]:
        if not target.is_file() or target.read_text("utf-8") != text:
            sys.exit("%s is not what the schemas and guide.md give: run %s" % (target, Path(__file__).name))
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        target.write_text(text, "utf-8")


if __name__ == "__main__":
    main()

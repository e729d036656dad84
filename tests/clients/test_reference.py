#!/usr/bin/python3
"""The reference for subscribers (clients/schema/README.md) against the schemas it is made from and against real
messages and replies: what is documented comes, and what comes is documented.

Usage: test_reference.py DIRECTORY_WITH_THE_PROGRAMS [TEST]...
"""

import json
import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "system"),
                str(Path(__file__).resolve().parents[2] / "clients" / "schema")]

import document  # noqa: E402
import emgd  # noqa: E402

RATE_HZ = 2000  # a minute of simulation costs a second
SPEED = 40
README = (emgd.SCHEMA_DIR / "README.md").read_text("utf-8")
UNIT_OF_SUFFIX = {
    "uv": "µV", "uv_s": "µV·s", "hz": "Hz", "s": "s", "ms": "ms", "percent": "%", "db": "dB", "ppm": "ppm", "m_s": "m/s",
    "hz_per_min": "Hz/min", "percent_per_min": "%/min", "steps_per_min": "steps/min", "mm": "mm", "mohm": "MΩ",
    "frame": "frames", "seconds": "s", "seconds_left": "s",
}

schemas = emgd.Schemas()


def named_unit(name):
    """The unit that a field's name tells; None: it tells none."""
    name = re.sub(r"_(left|right)$|_se(?=_|$)|_reference$", "", name)
    for suffix in sorted(UNIT_OF_SUFFIX, key=len, reverse=True):
        if re.search(r"(^|_)%s$" % suffix, name):
            return UNIT_OF_SUFFIX[suffix]
    return None


def tables():
    """{heading: {field: its other cells}} of every table of README.md whose first column is fields."""
    result, heading = {}, None
    for line in README.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ").strip("`")
        cells = re.split(r" (?<!\\)\| ", line.strip("| ")) if line.startswith("| `") else []
        if cells and heading not in ("Flags", "Commands", "Arguments", "Error codes", "Bytes"):
            result.setdefault(heading, {})[cells[0].strip("`")] = cells[1:]
    return result


def paths(value, path=""):
    """(path, value) of every field, as the reference writes it."""
    for key, inner in value.items():
        yield path + key, inner
        if isinstance(inner, dict):
            yield from paths(inner, path + key + ".")


def json_type(value):
    return {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object",
            type(None): "null"}[type(value)]


class TheText(unittest.TestCase):
    def described(self):
        for name in schemas.names():
            schema = schemas.schema(name)
            if name == "common.json":
                schema = {"properties": {**schema["$defs"], **schema["$defs"]["reference"]["properties"]}}
            for path, field in document.fields(schema):
                yield "%s %s" % (name, path), path.split(".")[-1], field

    def test_it_is_what_the_schemas_and_the_guide_give(self):
        self.assertEqual(document.document(), README, "run clients/schema/document.py")

    def test_every_field_and_every_value_of_a_list_is_described(self):
        for where, _, field in self.described():
            self.assertRegex(field.get("description", ""), r"^\S.{8,}\.$", where)
            for choice in field.get("oneOf", ()):
                self.assertTrue(choice["description"], "%s %s" % (where, choice))
        for name in schemas.names():
            self.assertTrue(schemas.schema(name)["description"], name)

    def test_a_field_that_may_be_null_says_when_and_no_other_does(self):
        for where, key, field in self.described():
            if key not in ("id", "sd_array"):
                self.assertEqual("null" in document.types(field), "null" in field["description"], where)

    def test_a_field_whose_name_has_a_unit_says_that_unit(self):
        counted = 0
        for where, key, field in self.described():
            if document.is_number(field) and named_unit(key) is not None:
                counted += 1
                self.assertEqual(named_unit(key), document.unit(field), where)
        self.assertGreater(counted, 80)

    def test_every_schema_has_examples_that_validate(self):
        for name in schemas.names():
            if name != "common.json":
                self.assertTrue(schemas.schema(name)["examples"], name)
                for example in schemas.schema(name)["examples"]:
                    schemas.check(name, example)

    def test_every_topic_says_when_it_is_sent_and_what_its_array_is(self):
        for name in document.DATA + document.EVENTS:
            what, sent, array = document.parts(schemas.schema(name + ".json"))
            self.assertTrue(what and sent, name)
            self.assertEqual("array" in schemas.schema(name + ".json")["properties"], bool(array), name)
        topics = {name for name in schemas.names() if not name.startswith(("re", "common"))}
        self.assertEqual(topics, {name + ".json" for name in document.DATA + document.EVENTS})

    def test_every_link_leads_somewhere(self):
        text = re.sub(r"^```.*?^```", "", README, flags=re.DOTALL | re.MULTILINE)
        anchors = {document.anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        links = re.findall(r"\]\(#([^)]*)\)", text)
        self.assertGreater(len(links), 50)
        self.assertEqual(set(), set(links) - anchors)


class TheCommands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = emgd.Daemon("--source", "synth:rest", settings={
            "source.rate_hz": RATE_HZ, "source.duration_s": 3600, "publish.wait_s": 0})
        cls.addClassCleanup(cls.daemon.__exit__, None, None, None)
        cls.daemon.__enter__()
        cls.documented = {command: schema for command, schema, _ in document.commands()}
        cls.examples = {r["command"]: r for r in schemas.schema("request.json")["examples"]}

    def test_they_are_those_of_emgd_and_of_emgctl(self):
        message = self.daemon.request("fly")["error"]["message"]
        self.assertEqual(set(message.split("there are ")[1].split(", ")), set(self.documented))
        self.assertEqual(set(self.documented), set(schemas.schema("request.json")["properties"]["command"]["enum"]))
        words = re.findall(r"^  ([a-z]+(?: [a-z]+)?)(?:  |$)", emgd.run("emgctl", "help").out, re.MULTILINE)
        local = {"watch", "repair", "keygen", "help"}  # send no command
        self.assertLessEqual(local, set(words))
        for word in set(words) - local:
            wire = re.search(r"^On the wire.*: (\S+)$", emgd.run("emgctl", "help", *word.split()).out, re.MULTILINE)
            self.assertIn(wire.group(1) if wire else word, self.documented)

    def test_each_takes_its_arguments_and_no_others(self):
        arguments = {name for schema in self.documented.values() for name in schema["propertyNames"]["enum"]}
        for command, schema in self.documented.items():
            takes = set(schema["propertyNames"]["enum"])
            self.assertLessEqual(set(self.examples[command]), takes, command)
            if not takes - {"command", "id"} and not command.endswith(".stop"):
                continue  # these look at nothing else
            for name in sorted(arguments - takes):
                reply = self.daemon.request(**{**self.examples[command], name: 1})
                self.assertEqual("bad_argument", reply["error"]["code"], (command, name))
            for name in schema.get("required", ()):
                reply = self.daemon.request(**{k: v for k, v in self.examples[command].items() if k != name})
                self.assertIn('needs "%s"' % name, reply["error"]["message"], (command, name))

    def test_each_range_is_the_one_that_is_kept(self):
        counted = 0
        for name, field in document.fields(schemas.schema("request.json")):
            if not document.span(field):
                continue
            command = next(c for c, schema in self.documented.items() if name in schema["propertyNames"]["enum"])
            for value in (field["minimum"] * 1.01 - 0.1, field["maximum"] * 1.01):
                reply = self.daemon.request(**{**self.examples[command], name: value})
                counted += 1
                told = re.search(r"a number, (\S+) to (\S+)$", reply["error"]["message"])
                self.assertEqual((field["minimum"], field["maximum"]), tuple(map(float, told.groups())), name)
        self.assertEqual(8, counted)


class WhatComes(unittest.TestCase):
    """Messages of every topic and a reply of every kind, from real runs."""

    @classmethod
    def setUpClass(cls):
        cls.messages, cls.replies = [], []
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        settings = {"source.rate_hz": RATE_HZ, "source.duration_s": 3600, "analysis.activation_hz": 10,
                    "recording.directory": directory.name}
        cls.a_test(settings)
        cls.artefacts()
        cls.a_gap(settings)

    @classmethod
    def ask(cls, daemon, command, **arguments):
        reply = daemon.request(command, **arguments)
        cls.replies.append((command, reply))
        return reply

    @classmethod
    def a_test(cls, settings):
        with emgd.Daemon("--source", "synth:treadmill", "--speed", SPEED, settings=settings) as daemon:
            with daemon.subscribe("") as stream:
                def until(topic, frames=0):
                    frame = cls.messages[-1].body["frame"] + frames if cls.messages else frames
                    cls.messages += stream.until(lambda m: m.topic == topic and m.body["frame"] >= frame)

                until("status", 10 * RATE_HZ)
                for command in ("ping", "status", "config", "devices", "marker"):  # the last one lacks its label
                    cls.ask(daemon, command)
                cls.ask(daemon, "record.start")
                cls.ask(daemon, "session.start", participant="P07")
                cls.ask(daemon, "stage", label="10 km/h", speed_m_s=2.78)
                cls.ask(daemon, "marker", label="lap 2")
                cls.ask(daemon, "rest.start", seconds=2)
                until("event.rest")
                cls.ask(daemon, "reference.start", muscles="all", seconds=10, method="dynamic_mean")
                until("event.reference")
                cls.ask(daemon, "reference.set", muscle="left.soleus", uv=100)
                cls.ask(daemon, "baseline.start", seconds=20)
                until("event.baseline")
                until("event.fatigue")
                cls.ask(daemon, "snapshot")
                cls.ask(daemon, "session.events")
                cls.ask(daemon, "record.stop")
                cls.ask(daemon, "session.stop")
                cls.ask(daemon, "shutdown")

    @classmethod
    def artefacts(cls):
        with emgd.Daemon("--source", "synth:artefacts", "--speed", "max", settings={"source.duration_s": 30}) as daemon:
            with daemon.subscribe("event.quality", "status") as stream:
                cls.messages += stream.collect()

    @classmethod
    def a_gap(cls, settings):
        """A simulation loses nothing, so a recording is made to tell of a gap in the place of a marker."""
        label = "x" * 60
        with emgd.Daemon("--source", "synth:rest", "--speed", SPEED, settings=settings) as daemon:
            with daemon.subscribe("status") as stream:
                path = Path(cls.ask(daemon, "record.start")["path"])
                stream.until(lambda m: m.body["frame"] > 5 * RATE_HZ)
                frame = cls.ask(daemon, "marker", label=label)["frame"]
                stream.until(lambda m: m.body["frame"] > frame + 5 * RATE_HZ)
                cls.ask(daemon, "record.stop")
        marker = json.dumps({"label": label}, separators=(",", ":"))
        gap = json.dumps({"first_frame": frame, "frames_lost": 20, "cause": "overflow"}, separators=(",", ":"))
        marker, gap = b"marker " + marker.encode(), b"gap " + gap.encode()
        path.write_bytes(path.read_bytes().replace(marker, gap[:-1].ljust(len(marker) - 1) + b"}"))
        with emgd.Daemon("--source", "file:%s" % path, "--speed", "max") as daemon, daemon.subscribe("") as stream:
            cls.messages += stream.collect()

    def check(self, heading, bodies, documented):
        found = {}
        for body in bodies:
            for path, value in paths(body):
                found.setdefault(path, set()).add(json_type(value))
        self.assertEqual(set(documented), set(found), heading)
        for path, kinds in found.items():
            allowed = set(documented[path][0].split(" or "))
            allowed |= {"integer"} if "number" in allowed else set()
            if allowed != {"any"}:
                self.assertLessEqual(kinds, allowed, "%s %s" % (heading, path))

    def test_the_documented_fields_of_every_topic_come_and_no_others(self):
        documented = tables()
        common = documented["Fields of every message"]
        bodies = {}
        for message in self.messages:
            schema = schemas.schema(emgd.schema_of_topic(message.topic))
            bodies.setdefault(schema["title"], []).append(message.body)
        expected = {schemas.schema(name + ".json")["title"] for name in document.DATA + document.EVENTS}
        self.assertEqual(expected, set(bodies))
        for title, found in bodies.items():
            self.check(title, found, {**common, **documented[title]})

    def test_the_documented_fields_of_every_reply_come_and_no_others(self):
        documented = tables()
        reply_of = {command: reply for command, _, reply in document.commands()}
        bodies = {}
        for command, reply in self.replies:
            name = reply_of[command] if reply["ok"] else "reply.error.json"
            schemas.check(name, reply)
            bodies.setdefault(schemas.schema(name)["title"], []).append(reply)
        self.assertEqual({schemas.schema(n)["title"] for n in [*reply_of.values(), "reply.error.json"]}, set(bodies))
        held = ("Reply to status", "Reply to devices", "Reply to config", "Reply to snapshot", "Reply to session.events")  # hold what is told elsewhere
        for title in set(bodies) - set(held):
            self.check(title, bodies[title], {"ok": ["boolean"], **documented.get(title, {})})


if __name__ == "__main__":
    emgd.main()

"""What to do about a problem of a manifest, where its place says no better."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from rivven_connect.documents import Problem

FIXES: Mapping[str, str] = MappingProxyType(
    {
        "RVN200": 'write manifest: "1"',
        "RVN201": "remove the key, or check its spelling in the manifest reference",
        "RVN202": "add the key",
        "RVN203": "write a value of the type that is named",
        "RVN204": "choose one of the values that are named",
        "RVN205": "write it in the form that is named",
        "RVN206": "remove the key; it belongs to another kind of connector",
        "RVN207": "choose another `package`",
        "RVN208": "use an SPDX expression, such as Apache-2.0",
        "RVN209": "write an address that begins with https://",
        "RVN210": "write NAME>=VERSION, without URLs, markers and options",
        "RVN211": "remove `incremental: false`, or the cursor",
        "RVN212": "declare a primary key for each stream, or remove `position: stable`",
        "RVN213": "name a config property of type integer",
        "RVN214": "keep one of the two",
        "RVN215": "make the smaller limit at most the larger one",
        "RVN216": "remove the characters",
        "RVN217": "keep one of the keys",
        "RVN218": "describe less; values without end belong into the data, not into its description",
        "RVN300": "write type: object at the top of `config`",
        "RVN301": "remove the keyword, or check its spelling",
        "RVN302": "write the keyword's value in the form that is named",
        "RVN303": "use one of array, boolean, integer, number, object, string",
        "RVN304": "remove the keyword, or change the type",
        "RVN305": "change the default, or the limits that refuse it",
        "RVN306": "remove the default, or take the property out of `required`",
        "RVN307": "declare the property, or take its name out of `required`",
        "RVN308": "make the lower bound at most the upper one",
        "RVN309": "give `enum` different values, at least one",
        "RVN310": "remove the value, or the limit that refuses it",
        "RVN311": "move the definition to $defs and write #/$defs/NAME",
        "RVN312": "declare it under $defs, or check its spelling",
        "RVN313": "break the circle: a config has a fixed depth",
        "RVN314": "move the keyword into the definition",
        "RVN315": "give each branch a required property with a `const`, and name it in `discriminator`",
        "RVN316": "give each branch a `const` of its own",
        "RVN317": "write it without look-around and back-references",
        "RVN318": "repeat less, or bound the repetition",
        "RVN319": "use a format of the manifest reference, or a `pattern`",
        "RVN320": "use a lower-case Python identifier, or cron, port, host",
        "RVN321": "make it a string, or remove `secret`",
        "RVN322": "remove it; a secret's value comes from the pipeline file",
        "RVN323": "remove the literal, and revoke it if it was real",
        "RVN324": "rename one of the two properties",
        "RVN325": "remove the invisible characters from the name",
        "RVN326": "change the example, or the limits that refuse it",
        "RVN327": "split the connector, or drop properties",
        "RVN330": "add secret: true, or secret: false if it is none",
        "RVN331": "begin the pattern with ^ and end it with $",
        "RVN332": "quote the values that are meant as text",
        "RVN333": "remove the dash",
        "RVN334": "leave the default out and set the value in the pipeline file",
        "RVN401": "use letters, digits and _, and begin with a letter",
        "RVN402": "rename one of the two streams",
        "RVN403": "rename the stream",
        "RVN404": "name a JSON or YAML file below the manifest's folder",
        "RVN405": "write a JSON Schema with type: object",
        "RVN406": "declare the field in the record schema, or check its spelling",
        "RVN407": "declare `cursor`, or remove this",
        "RVN408": "discover the streams in code instead of declaring each",
        "RVN409": "rename one of the two checks",
        "RVN410": "move the required check before this one",
        "RVN411": "write one of require_any, require_one, require_together, or when with require",
        "RVN412": "declare the property, or check its spelling",
        "RVN413": "remove the field's default, or use `when`",
        "RVN414": "point `at` to an object of the config",
        "RVN415": "compare with a value that the property accepts",
        "RVN416": "correct the spelling",
        "RVN420": "change the example, or the limits that refuse it",
        "RVN421": "make the config wrong at that place, or remove the case",
        "RVN422": "correct `at` and `rule`",
        "RVN423": "add an example under tests.valid",
        "RVN424": "use the form for this kind of connector",
    }
)


def with_fix(problem: Problem) -> Problem:
    """Return the problem with a fix: its own, or the usual one for its code."""
    if problem.hint or problem.code not in FIXES:
        return problem
    return dataclasses.replace(problem, hint=FIXES[problem.code])

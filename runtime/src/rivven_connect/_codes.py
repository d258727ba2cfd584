"""Every error code of config values (RVN6xx) and of pipelines (RVN7xx), with its title.

`docs/errors/` has a page for each; a test keeps both in step.
"""

from __future__ import annotations

from typing import Final

CONFIG_CODES: Final = {
    "RVN601": "a config value does not fit its schema",
    "RVN602": "a required config property is missing",
    "RVN603": "an unknown config property",
    "RVN604": "a rule across config properties is broken",
    "RVN605": "a named validator refuses a config value",
    "RVN610": "an environment variable is missing or empty",
    "RVN611": "a file that a config value names cannot be read",
    "RVN612": "a literal secret",
    "RVN613": "not a reference",
    "RVN614": "text from outside does not fit the type",
    "RVN615": "others may read a secret's file",
}

PIPELINE_CODES: Final = {
    "RVN701": "no connector has that name",
    "RVN702": "a name that several kinds of connectors share",
    "RVN703": "two distributions claim one connector name",
    "RVN704": "a connector cannot be loaded",
    "RVN705": "not a connector project",
    "RVN710": "an unknown key in a pipeline file",
    "RVN711": "a required key is missing",
    "RVN712": "a pipeline value of the wrong kind",
    "RVN713": "an unsupported pipeline version",
    "RVN714": "a pipeline without work",
    "RVN715": "more workers than can be used",
    "RVN716": "a topic that nobody publishes",
    "RVN717": "a topic that nobody reads",
    "RVN718": "dead_letter without a place for dead letters",
    "RVN719": "a delivery or mode that the sink does not offer",
    "RVN720": "a stream that the source does not offer",
    "RVN721": "a state file that is no state",
    "RVN722": "a reading option for a source that reads by itself",
    "RVN723": "record checks without the extra `validate`",
    "RVN724": "a field that the stream does not have",
    "RVN730": "a config names something else than the saved state is of",
    "RVN731": "a file to import that is no saved state",
    "RVN732": "a saved state of another pipeline",
    "RVN733": "no saved state of that name",
    "RVN734": "an exported file that cannot be written",
    "RVN740": "no dead letters are kept there",
    "RVN741": "no dead letter has that id",
    "RVN742": "a line that is no dead letter",
    "RVN743": "a dead letter whose place is gone",
    "RVN735": "an endpoint that cannot be listened on",
    "RVN736": "metrics without their library",
    "RVN737": "an endpoint that other machines can read",
}

CODES: Final = CONFIG_CODES | PIPELINE_CODES

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
    "RVN715": "not available in this version",
    "RVN716": "a topic that nobody publishes",
    "RVN717": "a topic that nobody reads",
    "RVN718": "dead_letter without a place for dead letters",
    "RVN719": "a delivery or mode that the sink does not offer",
    "RVN720": "a stream that the source does not offer",
    "RVN721": "a state file that is no state",
}

CODES: Final = CONFIG_CODES | PIPELINE_CODES

"""The tags by which the runs of a sweep or a search are found: one parent, and a child for each job or trial.

MLflow nests a run under the one that its tag `mlflow.parentRunId` names.
"""

import json
from collections.abc import Mapping, Sequence

PARENT_TAG = "mlflow.parentRunId"
"""On a child: the id of its parent."""
KIND_TAG = "tokenlayer.kind"
SWEEP = "sweep"
SEARCH = "search"
"""The kinds of a parent."""
NAME_TAG = "tokenlayer.sweep.name"
"""On a parent: its name, which no other of its kind in the store has."""
KEYS_TAG = "tokenlayer.sweep.keys"
"""On a parent: the swept keys, a JSON list in the order of the command line."""
COMMAND_TAG = "tokenlayer.sweep.command"
"""On a parent: the command of `tokenlayer` that its jobs run."""
FIXED_TAG = "tokenlayer.sweep.fixed"
"""On a parent: the settings that its jobs share, a JSON list."""
SPACE_TAG = "tokenlayer.search.space"
"""On a search's parent: what is searched, and by which metric, a JSON list."""
STOPPED_TAG = "tokenlayer.sweep.stopped"
"""On a parent: the start of the sweep whose jobs not yet begun are not to begin."""
DATA_TAG = "tokenlayer.data"
"""On a child: a hash of the source of its texts."""
SOURCE_TAG = "tokenlayer.data.source"
"""On a child: a hash of the settings that name that source, the same for jobs that read the same."""
CODE_TAG = "tokenlayer.code"
"""On a child: a hash of the package that made it."""
ERROR_TAG = "tokenlayer.error"
"""On a child that failed: what it said."""
TRIAL_TAG = "tokenlayer.search.trial"
"""On a search's child: the number of its trial."""
PRUNED_TAG = "tokenlayer.search.pruned"
"""On a search's child, `true`: it was ended early, because others were better by then."""
JOB_TAG = "tokenlayer.sweep.job"
"""On a child: what tells it from its siblings, a JSON object of swept key → value as text. Each is a tag, too."""


def job_tags(parent_id: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The tags of a child.

    Args:
        parent_id: run id of the parent.
        settings: swept key → value, as on the command line: `{"initializer": "bpe", "seed": "2"}`.

    """
    return {**settings, PARENT_TAG: parent_id, JOB_TAG: as_tag(settings)}


def as_tag(settings: Mapping[str, str]) -> str:
    """The value of `JOB_TAG`, the same for the same settings."""
    return json.dumps(dict(sorted(settings.items())), ensure_ascii=False)


def settings_of(tags: Mapping[str, str]) -> dict[str, str]:
    """The swept keys and values of a child; empty for a run that is none."""
    found = _read(tags, JOB_TAG)
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def keys_tag(keys: Sequence[str]) -> str:
    """The value of `KEYS_TAG`."""
    return json.dumps(list(keys), ensure_ascii=False)


def swept_keys(tags: Mapping[str, str]) -> list[str]:
    """The swept keys of a parent; empty for a run that is none."""
    found = _read(tags, KEYS_TAG)
    return [str(key) for key in found] if isinstance(found, list) else []


def _read(tags: Mapping[str, str], tag: str) -> object:
    """What a tag holds; nothing where somebody has put something else there."""
    try:
        return json.loads(tags.get(tag, "null"))
    except ValueError:
        return None

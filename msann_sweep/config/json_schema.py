"""The JSON Schema of search-space files, so that editors complete and check them.

``python -m msann_sweep.config.json_schema > search_spaces/search_space.schema.json``
"""

from __future__ import annotations

import json

from msann_sweep.config.sweep_config import SweepConfig


def json_schema() -> str:
    """The schema as JSON text; a file without a name is called after itself."""
    schema = SweepConfig.model_json_schema(by_alias=True)
    del schema["required"]
    return json.dumps(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema},
        indent=2,
        ensure_ascii=False,
    )


if __name__ == "__main__":
    print(json_schema())

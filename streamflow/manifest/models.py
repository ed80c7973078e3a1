"""Models: what version 2 may hold, field by field, for pydantic and for the JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)

from streamflow.graph import ErrorPolicy, LinkPolicy, PlacementName
from streamflow.manifest.shapes import is_list
from streamflow.process import LEAST, OnDeath
from streamflow.units import SIZE, SPAN, parse_seconds, parse_size

LONGEST: Final = 500
"""Letters of a name."""


def _seconds(value: Any) -> Any:
    return parse_seconds(value) if isinstance(value, str) else value


def _bytes(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str) else value


Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": SPAN},
            ],
            "description": 'Seconds, or text such as "500ms", "10s", "2min", "1h".',
        }
    ),
]
Bytes = Annotated[
    int,
    BeforeValidator(_bytes),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": SIZE},
            ],
            "description": 'Bytes, or text such as "64KB", "2GiB".',
        }
    ),
]


def _listed(value: Any) -> Any:
    return value if is_list(value) else [value]


Cores = Annotated[
    list[Annotated[int, Field(ge=0)]],
    Field(min_length=1),
    BeforeValidator(_listed),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
            ],
            "description": "Numbers of the cores it may run on.",
        }
    ),
]
Names = Annotated[
    list[str],
    Field(min_length=1),
    BeforeValidator(_listed),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ],
            "description": "Names of exceptions that are worth another try.",
        }
    ),
]
Id = Annotated[
    str,
    Field(
        pattern=r"^[^\s.>]+$",
        max_length=LONGEST,
        description="A word without '.', '>' or spaces, unique in its graph.",
    ),
]
End = Annotated[
    str,
    Field(
        pattern=r"^[^\s.>]+(\..+)?$",
        max_length=2 * LONGEST,
        description="The id of a node, or `node.port`.",
    ),
]


class Border(BaseModel):
    """What all models share: nothing is converted, nothing unknown is passed over."""

    model_config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, regex_engine="python-re"
    )


class ProcessModel(Border):
    """What a node's process may use."""

    name: Annotated[str, Field(min_length=1, pattern=r"\S")] | None = None
    memory: Annotated[Bytes, Field(ge=LEAST)] | None = None
    cpu: Cores | None = None
    nice: Annotated[int, Field(ge=-20, le=19)] = 0
    restart: Annotated[int, Field(ge=0)] = 0
    on_death: OnDeath = "error"


class ProcessPlacement(Border):
    """A process of its own, with limits."""

    process: ProcessModel


class RetryModel(Border):
    """How often, and how soon, a call that failed is made again."""

    max_retries: Annotated[int, Field(ge=1)] = 3
    backoff: Annotated[Seconds, Field(ge=0)] = 0.1
    factor: Annotated[float, Field(ge=1)] = 2.0
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.1
    max_backoff: Annotated[Seconds, Field(ge=0)] = 30.0
    on: Names | None = None


class BreakerModel(Border):
    """When a node that keeps failing rests, and for how long."""

    max_failures: Annotated[int, Field(ge=1)] = 5
    reset_after: Annotated[Seconds, Field(ge=0)] = 30.0


class QueueModel(Border):
    """What stands between two nodes."""

    max_items: Annotated[int, Field(gt=0)] | None = None
    max_bytes: Annotated[Bytes, Field(gt=0)] | None = None
    max_time: Annotated[Seconds, Field(gt=0)] | None = None
    policy: LinkPolicy = "block"


def _placement(value: Any) -> str:
    return "process" if isinstance(value, dict) else "name"


class NodeModel(Border):
    """A node."""

    id: Id
    type: Annotated[
        str,
        Field(
            min_length=1,
            max_length=LONGEST,
            description="A node type by its name, or `package.module:Class`.",
        ),
    ] = ""
    graph: Annotated[
        str | None, Field(description="The graph that stands in its place, instead of a type.")
    ] = None
    params: Annotated[dict[str, Any], Field(description="For the constructor of the type.")] = {}
    on: Annotated[
        Annotated[PlacementName, Tag("name")] | Annotated[ProcessPlacement, Tag("process")],
        Discriminator(_placement),
        Field(description="Where it runs."),
    ] = "inline"
    error: Annotated[
        ErrorPolicy, Field(description="What happens to an item that it fails on.")
    ] = "fail"
    timeout: Annotated[
        Annotated[Seconds, Field(gt=0)] | None, Field(description="For one call.")
    ] = None
    concurrency: Annotated[int, Field(ge=1, description="Calls under way at once.")] = 1
    retry: RetryModel | None = None
    breaker: BreakerModel | None = None
    metadata: dict[str, Any] = {}


class EdgeModel(Border):
    """A connection."""

    source: End
    target: End
    queue: QueueModel | None = None


class GraphModel(Border):
    """Nodes and edges that a node may stand for."""

    nodes: list[NodeModel]
    edges: list[EdgeModel] = []
    inputs: Annotated[
        dict[str, End], Field(description="Port by which it is fed, and the end within.")
    ] = {}
    outputs: Annotated[
        dict[str, End], Field(description="Port by which it emits, and the end within.")
    ] = {}


class RunModel(Border):
    """How the whole is run."""

    clock: Literal["live", "offline"] | None = None
    max_bytes: Annotated[Bytes, Field(gt=0)] | None = None
    timeout: Annotated[Seconds, Field(gt=0)] | None = None
    checkpoint: Annotated[str, Field(min_length=1, description="A directory.")] | None = None
    every: Annotated[Seconds, Field(gt=0)] | None = None
    items: Annotated[int, Field(gt=0)] | None = None


class ManifestModel(Border):
    """A streamflow pipeline, version 2."""

    streamflow: Annotated[Literal["2"], Field(description="The version of this format.")]
    schema_: Annotated[str | None, Field(alias="$schema")] = None
    name: Annotated[str, Field(min_length=1)] = "pipeline"
    metadata: dict[str, Any] = {}
    nodes: list[NodeModel]
    edges: list[EdgeModel] = []
    graphs: dict[str, GraphModel] = {}
    run: RunModel = RunModel()

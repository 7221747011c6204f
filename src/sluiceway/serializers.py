"""Serializers: how results become bytes. See `result_serializer` of flows and tasks."""

from __future__ import annotations

from sluiceway.wiring.storage import (
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    PickleSerializer,
    Serializer,
    sluiceway_json_object_decoder,
    sluiceway_json_object_encoder,
)

__all__ = [
    "CompressedJSONSerializer",
    "CompressedPickleSerializer",
    "CompressedSerializer",
    "JSONSerializer",
    "PickleSerializer",
    "Serializer",
    "sluiceway_json_object_decoder",
    "sluiceway_json_object_encoder",
]

"""Marks on arguments: how `map` and the search for futures are to treat them."""

from sluiceway.model.annotations import BaseAnnotation, NotSet, allow_failure, freeze, opaque, quote, unmapped

__all__ = ["BaseAnnotation", "NotSet", "allow_failure", "freeze", "opaque", "quote", "unmapped"]

"""Logging: the loggers of runs, and ways to silence them or to listen to them."""

from __future__ import annotations

from sluiceway.logging.loggers import LogEavesdropper, disable_run_logger, get_logger, get_run_logger

__all__ = ["LogEavesdropper", "disable_run_logger", "get_logger", "get_run_logger"]

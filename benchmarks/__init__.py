"""What Sluiceway promises about speed and size, measured: ``python -m benchmarks``. README.md explains it."""

"""Other engines, measured with the same workloads, each installed into a scratch environment of its own."""

"""Benchmarks: what the system costs, beside a rival in the same run. See docs/benchmarks.md."""

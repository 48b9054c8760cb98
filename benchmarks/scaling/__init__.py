"""What `benchmarks/scale.py` measures and simulates."""

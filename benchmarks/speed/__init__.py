"""What `benchmarks/kernels.py` is made of: an environment with the peers, paired timing, and one file a kernel."""

"""One module per measurement; each is run by ``python -m benchmarks`` in a process of its own."""

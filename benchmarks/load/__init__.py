"""Load on the server in each of its forms, made by Locust: `make load`, or `python -m benchmarks.load`."""

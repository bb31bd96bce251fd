"""The Open Inference Protocol v2: what its inputs and outputs mean here, and its paths under `/v2`."""

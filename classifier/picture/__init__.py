"""From bytes to pixels: all that is known of picture formats, and everything that decodes them.

Knows nothing of models: `prepare` is given the size that an input needs. `sandbox` does the same in child processes.
"""

"""From bytes to pixels: all that is known about picture formats, and everything that decodes them.

This package knows nothing about models: `prepare` is given the size that an input needs. `sandbox` does the same in
child processes.
"""

"""The model packages that ship with the project, and the scripts that made them from their published weights.

Nothing here is imported by the running application: it reads the built folders (`model/<name>/`).
"""

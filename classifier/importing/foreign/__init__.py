"""Tells by their content files that cannot be imported, and what makes something importable of them."""

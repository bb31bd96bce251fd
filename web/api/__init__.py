"""The JSON API: its routes, the schemas of its answers, its docs page."""

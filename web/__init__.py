"""Everything that is served over HTTP: the page, the JSON API, health and metrics; all of it uses `classifier`."""

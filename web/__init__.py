"""What is seen over HTTP: the page, the JSON API, health and metrics; all of it asks `classifier`."""

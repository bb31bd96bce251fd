"""Limits on what is sent to the server, for each request and for all at a time: bodies, forms, the page's uploads."""

"""What may come in, and how much of it at a time: bodies, forms, and the page's uploads."""

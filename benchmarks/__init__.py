"""Speed, measured as ratios against the plain way of doing the same: `make bench`."""

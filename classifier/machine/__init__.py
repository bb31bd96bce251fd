"""The CPUs and the memory that this process may use, and how pictures share them."""

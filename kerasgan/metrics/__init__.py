"""How good images are, in numbers."""

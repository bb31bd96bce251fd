"""Protocols in which programs ask for inference: what their messages mean, whatever carries them."""

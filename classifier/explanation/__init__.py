"""Why a model answers as it does: heat maps that say which parts of a picture speak for a class."""

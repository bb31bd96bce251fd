"""`python benchmarks/peers/gradio_app.py PORT`: the model behind Gradio, as its guide has it."""

import sys

import gradio
from lite2 import Model
from PIL import Image

model = Model()


def classify(image: Image.Image) -> dict[str, float]:
    """A picture in, labels with scores out."""
    return model.classify(image)


gradio.Interface(classify, gradio.Image(type="pil"), gradio.Label(num_top_classes=5), analytics_enabled=False).launch(
    server_port=int(sys.argv[1]), quiet=True
)

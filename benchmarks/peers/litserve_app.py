"""`python benchmarks/peers/litserve_app.py PORT`: the model behind LitServe, as its guide for images has it."""

import sys

import litserve
from fastapi import Request
from lite2 import Model
from PIL import Image


class Api(litserve.LitAPI):
    """One model in one worker process."""

    def setup(self, device: str) -> None:
        """Loads the model."""
        self.model = Model()

    def decode_request(self, request: Request) -> Image.Image:
        """The picture of a form, which LitServe gives as a mapping."""
        return Image.open(request["file"].file)

    def predict(self, image: Image.Image) -> dict[str, float]:
        """Labels with scores."""
        return self.model.classify(image)

    def encode_response(self, output: dict[str, float]) -> dict[str, float]:
        """The same."""
        return output


if __name__ == "__main__":
    litserve.LitServer(Api(api_path="/classify"), accelerator="cpu").run(
        port=int(sys.argv[1]), generate_client_file=False, log_level="warning"
    )

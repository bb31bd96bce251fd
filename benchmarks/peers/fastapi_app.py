"""`python benchmarks/peers/fastapi_app.py PORT`: the model behind FastAPI, in as few lines as a tutorial needs."""

import sys

import uvicorn
from fastapi import FastAPI, UploadFile
from lite2 import Model
from PIL import Image

app = FastAPI()
model = Model()


@app.post("/classify")
async def classify(file: UploadFile) -> dict[str, float]:
    """A picture in, labels with scores out."""
    return model.classify(Image.open(file.file))


uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")

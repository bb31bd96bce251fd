"""The same page as a tutorial would write it with TensorFlow: `streamlit run benchmarks/plain_page.py`."""

import keras
import numpy as np
import streamlit as st
from PIL import Image


@st.cache_resource
def load_model() -> tuple[keras.Model, list[str]]:
    """The model and its labels."""
    folder = "model/efficientnet-lite2"
    with open(f"{folder}/labels.en.txt", encoding="utf-8") as file:
        labels = file.read().splitlines()
    return keras.saving.load_model(f"{folder}/model.keras", compile=False), labels


st.title("Image classifier")
model, labels = load_model()
uploaded = st.file_uploader("Choose a picture", type=["jpg", "jpeg", "png", "webp"])
if uploaded is not None:
    image = Image.open(uploaded).convert("RGB")
    st.image(image)
    inputs = (np.asarray(image.resize((260, 260)), np.float32)[None] - 127) / 128
    scores = np.asarray(keras.ops.softmax(model.predict(inputs)["logits"]))[0]
    for index in np.argsort(scores)[::-1][:5]:
        st.progress(float(scores[index]), text=f"{labels[index]}: {scores[index]:.1%}")

"""All words of the page, in English and Chinese, and the choice between the two."""

from __future__ import annotations

import re
from typing import Literal, cast

import streamlit as st

from classifier.errors import ClassifierError

Language = Literal["en", "zh"]

LANGUAGES: dict[Language, str] = {"en": "English", "zh": "中文"}

TEXTS: dict[str, dict[Language, str]] = {
    "name": {"en": "Image Classifier", "zh": "图像分类器"},
    "language": {"en": "Language", "zh": "语言"},
    "headline": {"en": "What is in your picture?", "zh": "图片里是什么？"},
    "intro": {
        "en": "Give it a photo and see, within a moment, which of {classes} things it shows.",
        "zh": "给它一张照片，立刻看到它最像 {classes} 种事物中的哪一种。",
    },
    "intro_few": {
        "en": "Give it a photo and see, within a moment, which of these it shows: {labels}.",
        "zh": "给它一张照片，立刻看到它最像其中的哪一种：{labels}。",
    },
    "comma": {"en": ", ", "zh": "、"},
    "intro_unknown": {
        "en": "Give it a photo and see, within a moment, what it shows.",
        "zh": "给它一张照片，立刻看到里面是什么。",
    },
    "upload": {"en": "Your picture", "zh": "您的图片"},
    "drop": {"en": "Drop a picture here", "zh": "将图片拖放到这里"},
    "pick": {"en": "Pick a picture", "zh": "选一张图片"},
    "or_paste": {"en": "or paste one with {keys}", "zh": "或按 {keys} 粘贴"},
    "browse": {"en": "Choose a file", "zh": "选择文件"},
    "limits": {
        "en": "{formats}. Up to {megabytes} MB and {megapixels} megapixels.",
        "zh": "支持 {formats}，最大 {megabytes} MB、{megapixels} 百万像素。",
    },
    "refused": {
        "en": "This file was not taken: it is larger than {megabytes} MB, or not one of {formats}. Choose another one.",
        "zh": "未接受此文件：它大于 {megabytes} MB，或者不是 {formats} 之一。请另选一个。",
    },
    "unsent": {
        "en": "This picture did not arrive: the server has too much to do, or the connection was interrupted. "
        "Wait a moment and try again. If that does not help, reload the page.",
        "zh": "图片未能送达：服务器太忙，或连接中断。请稍候再试；如果仍然不行，请刷新页面。",
    },
    "camera": {"en": "Use the camera", "zh": "使用相机"},
    "camera_label": {"en": "Take a photo", "zh": "拍照"},
    "gallery": {"en": "No picture at hand? Try one of these", "zh": "手边没有图片？试试这些"},
    "gallery_more": {"en": "Try another one", "zh": "再试一张"},
    "credits": {"en": "Photo credits", "zh": "图片来源"},
    "credit": {"en": "Photo: {author}, {licence}", "zh": "摄影：{author}，{licence}"},
    "source": {"en": "source", "zh": "来源"},
    "alt_upload": {"en": "Your picture, {name}", "zh": "您的图片，{name}"},
    "alt_sample": {"en": "Sample picture: {name}", "zh": "示例图片：{name}"},
    "loading": {"en": "The model is loading, a few seconds…", "zh": "正在加载模型，请稍候……"},
    "looking": {"en": "Looking…", "zh": "正在识别……"},
    "model_failed": {
        "en": "The model could not be loaded, so no picture can be classified now. Whoever runs this "
        "server finds the reason in its log.",
        "zh": "模型加载失败，暂时无法识别图片。服务器管理员可以在日志中找到原因。",
    },
    "result": {"en": "Result", "zh": "结果"},
    "bars": {"en": "Likeliest classes", "zh": "最可能的类别"},
    "best": {"en": "Most likely", "zh": "最有可能"},
    "guesses": {"en": "Closest guesses", "zh": "最接近的猜测"},
    "unsure": {
        "en": "**Not sure.** Nothing that the model knows stands out in this picture. It may show something "
        "else, several things, or too little of one. These are only guesses.",
        "zh": "**不确定。** 模型认识的事物中，没有哪一种明显符合这张图片。图中可能是别的东西、有好几样东西，"
        "或者只露出了一小部分。以下仅是猜测。",
    },
    "none_left": {
        "en": "No class reaches {minimum}. The likeliest one has {best}. Lower the minimum score to see it.",
        "zh": "没有类别达到 {minimum}。最可能的类别为 {best}。降低最低分数即可看到。",
    },
    "took": {
        "en": "{milliseconds} ms on {device} with {backend}",
        "zh": "用时 {milliseconds} 毫秒，{device}，{backend}",
    },
    "thread": {"en": "1 thread", "zh": "1 个线程"},
    "threads": {"en": "{count} threads", "zh": "{count} 个线程"},
    "settings": {"en": "Settings", "zh": "设置"},
    "model": {"en": "Model", "zh": "模型"},
    "top_k": {"en": "Classes shown", "zh": "显示类别数"},
    "minimum": {"en": "Minimum score", "zh": "最低分数"},
    "download_json": {"en": "JSON", "zh": "JSON"},
    "download_csv": {"en": "CSV", "zh": "CSV"},
    "details": {"en": "Details", "zh": "详细信息"},
    "size": {"en": "Picture", "zh": "图片"},
    "size_value": {"en": "{width} × {height} pixels, {format}", "zh": "{width} × {height} 像素，{format}"},
    "stage_queue": {"en": "Waiting", "zh": "排队"},
    "stage_decode": {"en": "Decoding", "zh": "解码"},
    "stage_preprocess": {"en": "Preparing", "zh": "预处理"},
    "stage_inference": {"en": "Inference", "zh": "推理"},
    "stage_total": {"en": "Total", "zh": "总计"},
    "milliseconds": {"en": "{value} ms", "zh": "{value} 毫秒"},
    "model_accuracy": {"en": "Published accuracy", "zh": "公布的准确率"},
    "model_licence": {"en": "Licence", "zh": "许可证"},
    "knows": {
        "en": "The model knows {classes} kinds of things and no others. It says “not sure” when none is likely, "
        "and it can be wrong.",
        "zh": "模型只认识 {classes} 种事物。没有一种足够可能时，它会说“不确定”；它也可能出错。",
    },
    "privacy": {
        "en": "Your pictures are used for the result only, and are not kept.",
        "zh": "您的图片仅用于得出结果，不会被保存。",
    },
    "api": {"en": "Use it from a program: JSON API", "zh": "在程序中使用：JSON API"},
    "error.image": {"en": "image", "zh": "图片"},
    "error.internal": {
        "en": "Something went wrong on our side. Try again, or try another picture.",
        "zh": "服务器出了点问题。请重试，或换一张图片。",
    },
    "error.broken_image": {
        "en": "This {format} file is damaged or incomplete. Export or download the picture again.",
        "zh": "这个 {format} 文件已损坏或不完整。请重新导出或下载这张图片。",
    },
    "error.unsupported_format": {
        "en": "This file is not a picture in a supported format. Use one of: {formats}.",
        "zh": "这个文件不是受支持格式的图片。请使用：{formats}。",
    },
    "error.too_many_bytes": {
        "en": "This file is too large: the limit is {limit}. Use a smaller one.",
        "zh": "文件太大：上限为 {limit}。请换一个较小的文件。",
    },
    "error.too_many_pixels": {
        "en": "This picture is too large: the limit is {limit} million pixels, {side} along a side. Scale it down.",
        "zh": "图片太大：上限为 {limit} 百万像素，每边 {side} 像素。请先缩小图片。",
    },
    "error.no_memory": {
        "en": "Decoding this picture takes too much memory. Scale it down.",
        "zh": "解码这张图片需要太多内存。请先缩小图片。",
    },
    "error.decoding_failed": {
        "en": "Decoding this picture failed, or takes too long. Export it again, or in another format.",
        "zh": "这张图片解码失败，或耗时过长。请重新导出，或换一种格式。",
    },
    "error.bad_input": {
        "en": "This model could not take the picture. Try another model or another picture.",
        "zh": "这个模型无法处理此图片。请换一个模型或换一张图片。",
    },
    "error.bad_parameter": {
        "en": "A setting is out of range. Reload the page.",
        "zh": "有一项设置超出范围。请刷新页面。",
    },
    "error.unknown_model": {
        "en": "There is no model {model}. Choose one of: {models}.",
        "zh": "没有名为 {model} 的模型。请选择：{models}。",
    },
    "error.bad_package": {
        "en": "This model is incomplete or damaged. Choose another one; the server's log says why.",
        "zh": "这个模型不完整或已损坏。请选择其他模型；服务器日志中有原因。",
    },
    "error.bad_model_file": {
        "en": "This model's file cannot be used. Choose another one; the server's log says why.",
        "zh": "无法使用这个模型的文件。请选择其他模型；服务器日志中有原因。",
    },
    "error.not_trusted": {
        "en": "This model's file is not trusted on this server. Choose another one; the server's log says more.",
        "zh": "此服务器不信任这个模型的文件。请选择其他模型；详情见服务器日志。",
    },
    "error.no_backend": {
        "en": "This model cannot run on this server. Choose another one; the server's log says why.",
        "zh": "这个模型无法在此服务器上运行。请选择其他模型；服务器日志中有原因。",
    },
    "error.busy": {
        "en": "Many pictures are being classified right now. Try again in a moment.",
        "zh": "当前正在识别的图片太多。请稍后再试。",
    },
    "error.not_ready": {
        "en": "The model is still loading. Try again in a few seconds.",
        "zh": "模型仍在加载。请几秒钟后再试。",
    },
    "retry": {"en": "Try again", "zh": "重试"},
}


def language() -> Language:
    """The visitor's choice; before there is one, the address's `?lang=`, then the browser's language."""
    for choice in (st.session_state.get("lang"), st.query_params.get("lang")):
        if choice in LANGUAGES:
            return cast("Language", choice)
    return browser_language()


def browser_language() -> Language:
    """Chinese for a browser set to any Chinese, else English."""
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"


def t(key: str, **values: object) -> str:
    """The text of a key in the visitor's language, with the values filled in."""
    text = TEXTS[key][language()]
    return text.format(**values) if values else text


def error_text(error: ClassifierError) -> str:
    """What a visitor reads about an error, by its code and details."""
    key = f"error.{error.code}" if f"error.{error.code}" in TEXTS else "error.internal"
    try:
        return t(key, **{"format": t("error.image"), **error.details})
    except KeyError:  # raised without a detail that the text wants: its own English sentence says it all
        return error.message


def device_text(device: str) -> str:
    """A device such as `CPU (2 threads)`, in the visitor's language."""
    return re.sub(
        r"(\d+) threads?",
        lambda found: t("thread") if found[1] == "1" else t("threads", count=found[1]),
        device,
    )

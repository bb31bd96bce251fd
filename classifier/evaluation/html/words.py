"""The words of the HTML report, in English and Chinese."""

from __future__ import annotations

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("How good is {model}?", "{model} 的表现如何？"),
    "about": ("{pictures} pictures of {classes} classes", "{pictures} 张图片，{classes} 个类别"),
    "on": ("{backend} on {device}", "{backend}，{device}"),
    "top1": ("Right at first", "首选正确率"),
    "topk": ("Right among {k}", "前 {k} 名正确率"),
    "of": ("{right} of {total}", "{total} 张中的 {right} 张"),
    "interval": ("95% interval {low} to {high}", "95% 置信区间 {low} 至 {high}"),
    "f1": ("F1, mean of classes", "F1（各类平均）"),
    "means": ("recall {recall}, precision {precision}", "召回率 {recall}，精确率 {precision}"),
    "ece": ("Calibration error", "校准误差"),
    "promise": ("scores promise {promised}", "分数预示 {promised}"),
    "chance": ("honest ones would show {chance} by chance", "分数完全可信时，偶然误差为 {chance}"),
    "reliability": ("Can the scores be believed?", "分数可信吗？"),
    "reliability_text": (
        "A score keeps its promise where the bar ends on the dashed line: of all answers with about 80%, about 80% are "
        "right. Orange is what is missing, so the model is too sure of itself; light blue is more than was promised, "
        "so it is too modest.",
        "柱顶落在虚线上，表示分数名副其实：得分约 80% 的答案中，约有 80% 是正确的。"
        "橙色是不足的部分，说明模型过于自信；浅蓝色是超出的部分，说明模型过于谨慎。",
    ),
    "calibrate": (
        "`classifier calibrate` fits the temperature, now {temperature}, that brings the bars closest to the line.",
        "`classifier calibrate` 会拟合温度（目前为 {temperature}），使柱顶尽量接近虚线。",
    ),
    "accuracy": ("share that is right", "正确的比例"),
    "score": ("score of the first answer", "首选答案的分数"),
    "pictures": ("pictures", "图片数"),
    "bin": (
        "Scores {low} to {high}: {pictures} pictures, mean score {confidence}, {accuracy} right",
        "分数 {low} 至 {high}：{pictures} 张图片，平均分数 {confidence}，{accuracy} 正确",
    ),
    "over": ("too sure", "过于自信"),
    "under": ("too modest", "过于谨慎"),
    "pale": ("pale: fewer than {few} pictures", "浅色：少于 {few} 张图片"),
    "right": ("right", "正确"),
    "perfect": ("perfectly calibrated", "完全校准"),
    "spread": ("How sure it is", "自信程度"),
    "nll": ("negative log-likelihood", "负对数似然"),
    "unsure": ("unsure", "不确定"),
    "failed": ("failed", "失败"),
    "skipped": ("skipped: not named like a picture", "已跳过：不是图片文件名"),
    "temperature": ("temperature", "温度"),
    "classes": ("Class by class", "各类别"),
    "classes_text": (
        "Recall: of the pictures that show the class, how many were recognised. "
        "Precision: of the pictures called so, how many show it. The weakest come first.",
        "召回率：属于该类的图片中被认出的比例。精确率：被判为该类的图片中确实属于该类的比例。最弱的排在最前。",
    ),
    "class": ("class", "类别"),
    "recall": ("recall", "召回率"),
    "precision": ("precision", "精确率"),
    "more": ("The other {count} classes", "其余 {count} 个类别"),
    "confusion": ("What is taken for what", "混淆情况"),
    "confusion_text": (
        "Rows are what the pictures show, columns what the model says. Blue is right, orange is wrong; "
        "the stronger, the larger the share of its row.",
        "行为图片的实际类别，列为模型的判断。蓝色为正确，橙色为错误；颜色越深，占该行的比例越大。",
    ),
    "confusion_some": (
        "Shown are {count} of {all} classes, those that are confused most often.",
        "仅显示 {all} 个类别中最常混淆的 {count} 个。",
    ),
    "cell": ("{truth}, called {said}: {count}", "{truth} 判为 {said}：{count}"),
    "pairs": ("Most frequent confusions", "最常见的混淆"),
    "shows": ("shows", "实际"),
    "called": ("called", "判为"),
    "mistakes": ("Worst mistakes", "最严重的错误"),
    "mistakes_text": (
        "The wrong answers of which the model was surest: {shown} of {count}.",
        "模型最自信的错误答案：{count} 个中的 {shown} 个。",
    ),
    "no_mistakes": ("Every first answer is right.", "首选答案全部正确。"),
    "truth": ("is {truth}: place {rank}, {score}", "实际为{truth}：第 {rank} 名，{score}"),
    "no_picture": ("no preview", "无法预览"),
    "failures": ("What could not be classified", "无法识别的文件"),
    "made": ("Made by image-classifier {version}.", "由 image-classifier {version} 生成。"),
}


class Words:
    """The words in one language: Chinese for `zh`, English for every other."""

    def __init__(self, lang: str) -> None:
        """Args: lang: language of the labels."""
        self.lang = lang
        self._at = int(lang.startswith("zh"))
        self.own = "zh" if self._at else "en"
        """The language that these words are in."""

    def __call__(self, key: str, **values: object) -> str:
        """The words under a key, with values put in; not escaped."""
        return _WORDS[key][self._at].format(**values)

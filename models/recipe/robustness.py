"""Robustness: does a picture that was changed a little still find itself?

In: a model's sidecar and a folder of pictures. Out: a Markdown table, a line for each change: how often the changed picture's nearest
among all unchanged ones is itself (R@1, percent), and its cosine with itself (mean, and what 95 % of the pictures exceed).

    python3 models/recipe/robustness.py --model models/nearsight-128.json --pictures www/gallery
"""

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from pictured import Pictured, folder


def cropped(image: Image.Image, share: float) -> Image.Image:
    """The middle part with this share of both sides."""
    width, height = (round(edge * share) for edge in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def scaled(image: Image.Image, share: float) -> Image.Image:
    return image.resize([max(1, round(edge * share)) for edge in image.size], Image.BILINEAR)


def saved(image: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


CHANGES = {
    "middle 85 % of both sides": lambda image: cropped(image, 0.85),
    "middle 70 % of both sides": lambda image: cropped(image, 0.7),
    "half the size": lambda image: scaled(image, 0.5),
    "a quarter of the size": lambda image: scaled(image, 0.25),
    "saved as JPEG, quality 50": lambda image: saved(image, 50),
    "saved as JPEG, quality 20": lambda image: saved(image, 20),
    "brightness x 0.7": lambda image: ImageEnhance.Brightness(image).enhance(0.7),
    "brightness x 1.3": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by 10 degrees": lambda image: image.rotate(10, Image.BILINEAR, fillcolor=(127, 127, 127)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="the sidecar; the ONNX file lies beside it")
    parser.add_argument("--pictures", type=Path, required=True)
    a = parser.parse_args()
    embedded = Pictured(a.model).vector
    images = [image for _, image in folder(a.pictures)]
    whole = np.stack([embedded(image) for image in images])
    print(f"{len(images)} pictures\n\n| change | R@1 | cosine, mean | 95 % exceed |\n|---|---|---|---|")
    for name, change in CHANGES.items():
        changed = np.stack([embedded(change(image)) for image in images])
        similar = changed @ whole.T
        own = np.diagonal(similar)
        first = 100 * np.mean(own >= similar.max(1))
        print(f"| {name} | {first:.1f} | {own.mean():.3f} | {np.quantile(own, 0.05):.3f} |", flush=True)


if __name__ == "__main__":
    main()

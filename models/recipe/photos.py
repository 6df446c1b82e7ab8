"""Photos: from archives of pictures to one flat file of pixels, and from there to 128 px crops.

In: a folder of tar archives (or of plain pictures) and the seed of a step. Out: uint8 crops, H x W x RGB.
Every picture is decoded once and kept with a shorter side of at most 144 pixels, so that a step costs a crop
and a resize (about 0.5 ms) and never a JPEG or WebP decoder.

`middle_square` is the rule of the product: middle square of the shorter side, then Pillow's antialiased
bilinear (triangle) filter. `random_crop` uses the same filter. Nothing here reads a label.
"""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SIDE = 128
STORED_SIDE = 144
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def _pictures(source: Path):
    """Yield (archive, name, bytes) in a fixed order: tar archives of the folder first, then plain pictures."""
    for archive in sorted(source.glob("*.tar*")):
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                if member.isfile() and member.name.lower().endswith(ENDINGS):
                    yield archive.name, member.name, tar.extractfile(member).read()
    for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in ENDINGS):
        yield path.parent.name, str(path.relative_to(source)), path.read_bytes()


def upright(data: bytes) -> Image.Image:
    """Decode, turn upright by EXIF, three channels."""
    return ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")


def middle_square(image: Image.Image, side: int = SIDE) -> np.ndarray:
    """The product's rule for any picture it embeds."""
    width, height = image.size
    edge = min(width, height)
    left, top = (width - edge) // 2, (height - edge) // 2
    box = (left, top, left + edge, top + edge)
    return np.asarray(image.resize((side, side), Image.BILINEAR, box=box))


def store(source: Path, work: Path, limit: int | None = None) -> None:
    """Decode every picture once into `pixels.bin`, described by `photos.json`. Does nothing when both are there."""
    if (work / "photos.json").exists():
        return
    rows, offset, unreadable = [], 0, 0
    with open(work / "pixels.bin", "wb") as pixels:
        for archive, name, data in _pictures(source):
            try:
                image = upright(data)
            except (OSError, ValueError):
                unreadable += 1
                continue
            scale = STORED_SIDE / min(image.size)
            if scale < 1:
                image = image.resize([max(1, round(edge * scale)) for edge in image.size], Image.BILINEAR)
            rows.append([archive, offset, image.width, image.height])
            pixels.write(image.tobytes())
            offset += image.width * image.height * 3
            if limit and len(rows) >= limit:
                break
    if not rows:
        raise SystemExit(f"no readable picture in {source}: expected *.tar* archives or {', '.join(ENDINGS)} files")
    (work / "photos.json").write_text(json.dumps(rows))
    print(f"photos: {len(rows)} stored, {unreadable} unreadable", flush=True)


class Photos:
    """The stored photos, split into a training part and a held-out part that no gradient sees."""

    def __init__(self, work: Path, held_out: int, seed: int):
        self.rows = json.loads((work / "photos.json").read_text())
        self.pixels = np.memmap(work / "pixels.bin", np.uint8, "r")
        order = np.random.default_rng([seed, 1]).permutation(len(self.rows))
        self.held_out = np.sort(order[:held_out])
        self.training = np.sort(order[held_out:])
        # Archives differ in size, and large ones are narrow (3,000 photos of clothes): an archive is drawn in
        # proportion to the square root of its size.
        archives = np.array([self.rows[i][0] for i in self.training])
        names, which, counts = np.unique(archives, return_inverse=True, return_counts=True)
        weights = 1 / np.sqrt(counts[which])
        self.weights = weights / weights.sum()

    def image(self, index: int) -> Image.Image:
        _, offset, width, height = self.rows[index]
        pixels = self.pixels[offset : offset + width * height * 3].reshape(height, width, 3)
        return Image.fromarray(pixels)

    def middles(self, indices) -> np.ndarray:
        return np.stack([middle_square(self.image(i)) for i in indices])

    def settling(self) -> list[np.ndarray]:
        """Batches of 16 middle squares on which BatchNorm's statistics are estimated: always the same 384 photos."""
        chosen = np.random.default_rng(0).permutation(self.training)[:384]
        return np.array_split(self.middles(chosen), max(1, len(chosen) // 16))

    def fresh(self, rng: np.random.Generator, count: int, mixed: float) -> np.ndarray:
        """`count` random views; a share `mixed` of them are two photos blended or set side by side.

        The teacher sees exactly these pixels, so even a mixed picture has an exact target, and no view comes
        twice: with two fixed views a photo a student learns the views by heart.
        """
        chosen = rng.choice(self.training, count, p=self.weights)
        views = np.stack([random_crop(self.image(i), rng) for i in chosen])
        for i in np.flatnonzero(rng.random(count) < mixed):
            other = views[rng.integers(count)]
            views[i] = mix(views[i], other, rng)
        return views


def random_crop(image: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """25 to 100 % of the area, sides 3:4 to 4:3, mirrored half the time, sometimes another light."""
    width, height = image.size
    area = width * height * rng.uniform(0.25, 1.0)
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    w, h = min(width, np.sqrt(area * ratio)), min(height, np.sqrt(area / ratio))
    left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
    view = np.asarray(image.resize((SIDE, SIDE), Image.BILINEAR, box=(left, top, left + w, top + h)))
    if rng.random() < 0.5:
        view = view[:, ::-1]
    if rng.random() < 0.3:
        gain, offset = rng.uniform(0.75, 1.25) * rng.uniform(0.92, 1.08, 3), rng.uniform(-20, 20)
        view = np.clip(view * gain + offset, 0, 255).astype(np.uint8)
    return view


def mix(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two views in one picture: blended, or cut along a vertical or horizontal line."""
    kind, share = rng.integers(3), rng.uniform(0.3, 0.7)
    if kind == 0:
        return (share * first + (1 - share) * second).astype(np.uint8)
    cut, result = int(share * SIDE), first.copy()
    if kind == 1:
        result[cut:] = second[cut:]
    else:
        result[:, cut:] = second[:, cut:]
    return result

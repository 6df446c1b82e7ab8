"""Teacher: what a student has to imitate for a given picture.

In: uint8 pictures of the student's size. Out, for the block-wise phase: the tensors after the blocks of the MobileNetV2 branch
("borders", each channel in units of its own mean and standard deviation), and a 256-d unit-length target from that branch's pooled
output, both at 128 px, where the grids are the student's. For the chain: a target from both branches, which are shown the same picture
enlarged to 224 px: they see far more in the same pixels then.

The borders are inner tensors of the ONNX file, which is given other outputs in memory. A target is PCA of the
pooled outputs, half whitened (each axis divided by the square root of its standard deviation), fitted on the
training photos. No weight of the teacher goes into the student: only what it says about pictures does.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

BORDERS = {
    "b_t35": 24, "b_t46": 32, "b_t58": 32, "b_t70": 32, "b_t81": 64, "b_t93": 64, "b_t105": 64, "b_t117": 64, "b_t128": 96,
    "b_t140": 96, "b_t152": 96, "b_t163": 160, "b_t175": 160, "b_t187": 160, "b_t198": 320,
}  # fmt: skip
BRANCH = "b_u"
TARGET_DIMENSION = 256
WHITENING = 0.5
SIDE = 224


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def as_input(pictures: np.ndarray) -> np.ndarray:
    """The teacher takes RGB divided by 255 and normalises inside its graph."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32) / 255


def enlarged(pictures: np.ndarray) -> np.ndarray:
    """To the side that the teacher was trained for: it sees more in the same pixels then."""
    side = (SIDE, SIDE)
    return np.stack([np.asarray(Image.fromarray(p).resize(side, Image.BILINEAR)) for p in pictures])


class Teacher:
    def __init__(self, path: Path):
        # ONNX Runtime computes every output that a file declares, asked for or not: two files in memory, one for each use.
        model = onnx.load(path)
        self.whole = _session(model.SerializeToString())
        del model.graph.output[:]
        for name, channels in {BRANCH: None, **BORDERS}.items():
            shape = ["N", None] if name == BRANCH else ["N", channels, None, None]
            model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
        self.branch = _session(model.SerializeToString())
        self.scale = None

    def raw(self, pictures: np.ndarray, borders: bool):
        """With borders: (1280-d embeddings of the branch, list of its border tensors); without: (2560-d embeddings, [])."""
        if not borders:
            return self.whole.run(None, {"image": as_input(enlarged(pictures))})[0], []
        embedding, *tensors = self.branch.run(None, {"image": as_input(pictures)})
        return embedding, tensors

    def fit(self, photos, work: Path, count: int) -> None:
        """Fit or load the projection and the scales of the borders on middle squares of training photos."""
        path = work / "teacher.npz"
        if not path.exists():
            self._fit(photos, path, count)
        self.scale = dict(np.load(path))

    def _fit(self, photos, path: Path, count: int) -> None:
        rng = np.random.default_rng(0)
        chosen = rng.permutation(photos.training)[:count]
        branch, whole, sums = [], [], {name: [0, 0, 0] for name in BORDERS}
        for start in range(0, len(chosen), 32):
            pictures = photos.middles(chosen[start : start + 32])
            embedding, tensors = self.raw(pictures, True)
            branch.append(embedding)
            if start < count // 2:
                whole.append(self.raw(pictures, False)[0])
            if start < 2048:
                for name, tensor in zip(BORDERS, tensors):
                    sums[name][0] += tensor.sum((0, 2, 3), dtype=np.float64)
                    sums[name][1] += np.square(tensor, dtype=np.float64).sum((0, 2, 3))
                    sums[name][2] += tensor[:, 0].size
        scale = {"whole": _projection(np.concatenate(whole)), "branch": _projection(np.concatenate(branch))}
        for name, (total, squares, number) in sums.items():
            average = total / number
            deviation = np.sqrt(np.maximum(squares / number - average**2, 1e-6))
            scale[name] = np.stack([average, deviation]).astype(np.float32)
        temporary = path.with_suffix(".part.npz")
        np.savez(temporary, **scale)
        temporary.replace(path)


    def lesson(self, pictures: np.ndarray, borders: bool = True):
        """(unit-length targets, normalised border tensors) for exactly these pictures."""
        embedding, tensors = self.raw(pictures, borders)
        normalised = []
        for name, tensor in zip(BORDERS, tensors):
            average, deviation = self.scale[name][:, :, None, None]
            normalised.append((tensor - average) / deviation)
        mean, matrix = np.split(self.scale["branch" if borders else "whole"], [1])
        target = (embedding - mean) @ matrix.T
        return target / np.linalg.norm(target, axis=1, keepdims=True), normalised


def _projection(embeddings: np.ndarray) -> np.ndarray:
    """The mean (first row) and the axes (the others) of a half-whitened PCA."""
    embeddings = embeddings.astype(np.float64)
    mean = embeddings.mean(0)
    values, vectors = np.linalg.eigh(np.cov((embeddings - mean).T))
    values, vectors = values[::-1][:TARGET_DIMENSION], vectors[:, ::-1][:, :TARGET_DIMENSION]
    # Fewer photos than dimensions (a trial run) leave axes without variance: they stay out of the target.
    axes = np.where(values > 1e-9, vectors * np.maximum(values, 1e-9) ** (-WHITENING / 2), 0).T
    return np.concatenate([mean[None], axes]).astype(np.float32)

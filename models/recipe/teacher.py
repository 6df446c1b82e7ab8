"""Teacher: what a student has to imitate for a given picture.

In: uint8 pictures. Out: the tensors at five stage borders of the EfficientNet-Lite0 branch ("borders", each channel
in units of its own mean and standard deviation) and a 256-d unit-length target from both pooled outputs.

The borders are inner tensors of the ONNX file, which is given a second set of outputs in memory. The target is PCA of
the 2560-d embedding, half whitened (each axis divided by the square root of its standard deviation), fitted on the
training photos. No weight of the teacher goes into the student: only what it says about pictures does.
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

BORDERS = {"a_t35": 24, "a_t58": 40, "a_t128": 112, "a_t175": 192, "a_t186": 320}
TARGET_DIMENSION = 256
WHITENING = 0.5


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def as_input(pictures: np.ndarray) -> np.ndarray:
    """The teacher takes RGB divided by 255 and normalises inside its graph."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), np.float32) / 255


class Teacher:
    def __init__(self, path: Path):
        model = onnx.load(path)
        for name, channels in BORDERS.items():
            info = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", channels, None, None])
            model.graph.output.append(info)
        self.session = _session(model.SerializeToString())
        self.scale = None

    def raw(self, pictures: np.ndarray, borders: bool):
        """(2560-d embeddings, list of border tensors in the teacher's own units)."""
        names = ["embedding", *(BORDERS if borders else ())]
        embedding, *tensors = self.session.run(names, {"image": as_input(pictures)})
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
        embeddings, sums = [], {name: [0, 0, 0] for name in BORDERS}
        for start in range(0, len(chosen), 32):
            with_borders = start < 2048
            embedding, tensors = self.raw(photos.middles(chosen[start : start + 32]), with_borders)
            embeddings.append(embedding)
            for name, tensor in zip(BORDERS, tensors):
                sums[name][0] += tensor.sum((0, 2, 3), dtype=np.float64)
                sums[name][1] += np.square(tensor, dtype=np.float64).sum((0, 2, 3))
                sums[name][2] += tensor[:, 0].size
        embeddings = np.concatenate(embeddings).astype(np.float64)
        mean = embeddings.mean(0)
        values, vectors = np.linalg.eigh(np.cov((embeddings - mean).T))
        values, vectors = values[::-1][:TARGET_DIMENSION], vectors[:, ::-1][:, :TARGET_DIMENSION]
        # Fewer photos than dimensions (a trial run) leave axes without variance: they stay out of the target.
        matrix = np.where(values > 1e-9, vectors * np.maximum(values, 1e-9) ** (-WHITENING / 2), 0)
        scale = {"mean": mean.astype(np.float32), "matrix": matrix.astype(np.float32)}
        for name, (total, squares, number) in sums.items():
            average = total / number
            deviation = np.sqrt(np.maximum(squares / number - average**2, 1e-6))
            scale[name] = np.stack([average, deviation]).astype(np.float32)
        temporary = path.with_suffix(".part.npz")
        np.savez(temporary, **scale)
        temporary.replace(path)

    def project(self, embedding: np.ndarray) -> np.ndarray:
        target = (embedding - self.scale["mean"]) @ self.scale["matrix"]
        return target / np.linalg.norm(target, axis=1, keepdims=True)

    def lesson(self, pictures: np.ndarray, borders: bool = True):
        """(unit-length targets, normalised border tensors) for exactly these pictures."""
        embedding, tensors = self.raw(pictures, borders)
        normalised = []
        for name, tensor in zip(BORDERS, tensors):
            average, deviation = self.scale[name][:, :, None, None]
            normalised.append((tensor - average) / deviation)
        return self.project(embedding), normalised

"""Train the embedder: photos and a teacher in, `nearsight-128.onnx` and its sidecar out.

    python3 models/recipe/train.py --photos FOLDER --teacher teacher.onnx --work DIR --out models/

Phases, each of which picks up where it was when the command is run again:
  store    decode every photo once
  fit      the target's projection and the scales of the borders
  block    all stages at once, each fed the teacher's tensor before it and asked for the one after it
  chain    the whole network, asked for the teacher's embedding of the same pictures at 224 px
  colour   the branch beside it, taught the colours of the same photos
  export   blend the weights of the chain's start and end, fold BatchNorm, project to 128, round to int8, write the files

The teacher sees the very same pixels as the student. In `block` every view is fresh; in `chain`, where the teacher costs more than
the student's step, the views of `--fresh-steps` steps are, and then come again, mirrored every other time. Two single-thread processes average their gradients:
on two cores that is faster than one process with two threads. A step's views depend on (seed, phase, step, process)
alone, so a run that was killed goes on as if it had not been.
"""

import argparse
import copy
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
import torch.nn.functional as F

import colour
import export
import photos as photo_store
import start
from student import Student, as_input, settle_norms
from targets import Targets
from teacher import Teacher

PHASES = {"block": 1, "chain": 2}
EMA = 0.998
# A stage is taught on as many of a step's views as hold so many places of its grid.
PLACES = 4096
# Added to the variance of each feature when the last layer is set, in units of their mean variance.
RIDGE = 0.3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of tar archives or of pictures")
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for pixels and checkpoints")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16, help="views a step and process")
    parser.add_argument("--block-steps", type=int, default=6000)
    parser.add_argument("--chain-steps", type=int, default=10000)
    parser.add_argument("--block-rate", type=float, default=3e-3)
    parser.add_argument("--chain-rate", type=float, default=3e-4)
    parser.add_argument("--fresh-steps", type=int, default=3000, help="steps of `chain` whose views are fresh; later ones see them again")
    parser.add_argument("--seen-steps", type=int, default=0, help="fresh steps of the runs that made --start: their views are left out")
    parser.add_argument("--start", type=Path, help="an .onnx of this recipe: `chain` goes on from its weights, `block` is left out")
    parser.add_argument("--colour-epochs", type=int, default=24, help="times that `colour` sees its two views of each photo")
    parser.add_argument("--mixed", type=float, default=0.25, help="share of mixed views")
    parser.add_argument("--share", type=float, default=export.SHARE, help="where the shipped weights lie between the chain's start and end")
    parser.add_argument("--aimed", type=int, default=4000, help="photos on which the last layer is set before `chain`")
    parser.add_argument("--held-out", type=int, default=800)
    parser.add_argument("--save-every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--smoke", action="store_true", help="a few minutes on a few pictures: does everything run?")
    a = parser.parse_args()
    if a.smoke:
        a.block_steps, a.chain_steps, a.held_out, a.save_every, a.aimed, a.colour_epochs = 20, 20, 16, 10, 64, 2
    return a


def rate(step: int, steps: int, peak: float) -> float:
    """Warm up over 3 %, then a cosine down to 1 % of the peak."""
    warm = max(1, steps * 3 // 100)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm))))


def block_losses(student, x, borders, target):
    """Each stage alone: mean squared error at its border, in units of the border's variance; the head by cosine.

    A stage at a fine grid sees thousands of places in a few pictures and costs the most: it is given fewer pictures.
    """
    inputs, losses = [x, *borders], []
    for stage, i, o in zip(student.stages, inputs, borders):
        count = max(1, PLACES // (o.shape[2] * o.shape[3]))
        losses.append(F.mse_loss(stage(i[:count]), o[:count]))
    losses.append((1 - F.cosine_similarity(student.head(inputs[-1]), target)).mean())
    return losses


def chain_losses(student, x, _, target):
    return [(1 - F.cosine_similarity(student(x), target)).mean()]


@torch.no_grad()
def aim(student: Student, photos, teacher, count: int) -> None:
    """Set the last layer to the least squares answer for the chain's target, on pictures of the training part.

    The block-wise phase asks the head for one branch's embedding; from a wrong last layer the first steps of the chain
    would spoil what the stages know.
    """
    chosen = np.random.default_rng(2).permutation(photos.training)[:count]
    features, targets = [], []
    for part in np.array_split(chosen, max(1, len(chosen) // 32)):
        pictures = photos.middles(part)
        targets.append(torch.from_numpy(teacher.lesson(pictures, False)[0]))
        x = as_input(pictures)
        for stage in student.stages:
            x = stage(x)
        features.append(student.head.widen(x).mean((2, 3)))
    features, targets = torch.cat(features).double(), torch.cat(targets).double()
    middle, aimed = features.mean(0), targets.mean(0)
    features, targets = features - middle, targets - aimed
    square = features.T @ features
    square.diagonal().add_(RIDGE * square.diagonal().mean())
    weight = torch.linalg.solve(square, features.T @ targets).T
    student.head.linear.weight.copy_(weight)
    student.head.linear.bias.copy_(aimed - weight @ middle)


def average_gradients(parameters) -> None:
    grads = [p.grad for p in parameters]
    flat = torch.cat([g.flatten() for g in grads])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for grad, piece in zip(grads, flat.split([g.numel() for g in grads])):
        grad.copy_(piece.view_as(grad))


@torch.no_grad()
def follow(mean: Student, student: Student, step: int) -> None:
    """Move the averaged weights towards the trained ones; faster in the first steps."""
    keep = min(EMA, (1 + step) / (10 + step))
    for slow, fast in zip(mean.state_dict().values(), student.state_dict().values()):
        if slow.dtype.is_floating_point:
            slow.lerp_(fast, 1 - keep)
        else:
            slow.copy_(fast)


@torch.no_grad()
def held_out_cosine(student, settled_on, pictures, targets) -> float:
    """Cosine to the target on the middle squares of photos no gradient saw, whole chain."""
    model = copy.deepcopy(student)
    if settled_on:
        settle_norms(model, settled_on)
    outputs = torch.cat([model(as_input(pictures[i : i + 50])) for i in range(0, len(pictures), 50)])
    return F.cosine_similarity(outputs, targets).mean().item()


def save(path: Path, **state) -> None:
    """Whole or not at all: a kill while writing leaves the previous checkpoint."""
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    os.replace(temporary, path)


def run_phase(a, phase: str, rank: int, student: Student, photos, teacher) -> Student:
    """Train one phase from its checkpoint, if there is one; return the averaged weights."""
    steps, peak = (a.block_steps, a.block_rate) if phase == "block" else (a.chain_steps, a.chain_rate)
    losses_of = block_losses if phase == "block" else chain_losses
    checkpoint, step = a.work / f"{phase}.pt", 0
    student.to(memory_format=torch.channels_last)
    if phase == "chain":
        aimed = a.work / "aimed.pt"
        if rank == 0 and not aimed.exists():
            if not a.start:
                settle_norms(student, photos.settling())
            student.eval()
            aim(student, photos, teacher, a.aimed)
            save(aimed, mean=student.state_dict())
        dist.barrier()
        student.load_state_dict(torch.load(aimed)["mean"])
        targets = Targets(teacher, a.work, rank, min(a.fresh_steps, steps), a.batch)
    # The chain keeps the statistics that its start was settled on: those of a few views jitter, and what the stages know is spoilt by it.
    student.train(phase == "block")
    mean = copy.deepcopy(student)
    decayed = [p for p in student.parameters() if p.ndim > 1]
    others = [p for p in student.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.03}, {"params": others, "weight_decay": 0.0}], fused=True
    )
    if checkpoint.exists():
        state = torch.load(checkpoint)
        student.load_state_dict(state["student"])
        mean.load_state_dict(state["mean"])
        optimiser.load_state_dict(state["optimiser"])
        step = state["step"]
    dist.barrier()
    if rank == 0:
        pictures = photos.middles(photos.held_out)
        answers = torch.from_numpy(np.concatenate([teacher.lesson(pictures[i : i + 50], phase == "block")[0] for i in range(0, len(pictures), 50)]))
        settled_on = photos.settling() if phase == "block" else []
    began, seen, sums = time.monotonic(), 0, 0.0
    while step < steps:
        passes, place = divmod(step, a.fresh_steps) if phase == "chain" else (0, step)
        rng = np.random.default_rng([a.seed, PHASES[phase], a.seen_steps + place if phase == "chain" else place, rank])
        views = photos.fresh(rng, a.batch, a.mixed)
        if phase == "block":
            target, borders = teacher.lesson(views)
        else:
            target, borders = targets.of(place, views), []
            views = views if passes % 2 == 0 else np.ascontiguousarray(views[:, :, ::-1])
        borders = [torch.from_numpy(b).contiguous(memory_format=torch.channels_last) for b in borders]
        losses = losses_of(student, as_input(views), borders, torch.from_numpy(target))
        optimiser.zero_grad(set_to_none=False)
        sum(losses).backward()
        average_gradients(decayed + others)
        for group in optimiser.param_groups:
            group["lr"] = rate(step, steps, peak)
        optimiser.step()
        if rank == 0:
            follow(mean, student, step)
        step, seen = step + 1, seen + 1
        sums = sums + np.array([loss.item() for loss in losses])
        if rank == 0 and step % 100 == 0:
            took = time.monotonic() - began
            speed = seen * a.batch * a.processes / took
            print(f"{phase} {step}/{steps} losses {' '.join(f'{s / seen:.3f}' for s in sums)} {speed:.0f} views/s", flush=True)
            began, seen, sums = time.monotonic(), 0, 0.0
        if rank == 0 and (step % a.save_every == 0 or step == steps):
            save(checkpoint, student=student.state_dict(), mean=mean.state_dict(), optimiser=optimiser.state_dict(), step=step)
        if rank == 0 and (step % 1000 == 0 or step == steps):
            cosine = held_out_cosine(mean, settled_on, pictures, answers)
            print(f"{phase} {step}/{steps} held-out cosine {cosine:.4f}", flush=True)
    dist.barrier()
    mean.load_state_dict(torch.load(checkpoint)["mean"])
    return mean


def worker(rank: int, a) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    dist.init_process_group("gloo", init_method=f"file://{(a.work / 'rendezvous').resolve()}", rank=rank, world_size=a.processes)
    photos = photo_store.Photos(a.work, a.held_out, a.seed)
    teacher = Teacher(a.teacher)
    teacher.fit(photos, a.work, 8000)
    student = start.student_of(a.start, photos.settling()) if a.start else Student()
    for phase in ["chain"] if a.start else PHASES:
        student = run_phase(a, phase, rank, student, photos, teacher)
    dist.destroy_process_group()


def main() -> None:
    a = arguments()
    a.work.mkdir(parents=True, exist_ok=True)
    a.out.mkdir(parents=True, exist_ok=True)
    photo_store.store(a.photos, a.work, 400 if a.smoke else None)
    photos = photo_store.Photos(a.work, a.held_out, a.seed)
    Teacher(a.teacher).fit(photos, a.work, 8000)
    (a.work / "rendezvous").unlink(missing_ok=True)
    processes.spawn(worker, (a,), nprocs=a.processes)
    torch.set_num_threads(1)
    colour.teach(photos, a.work, a.colour_epochs, a.seed)
    export.export(a.work, photos, a.out, a.share)


if __name__ == "__main__":
    main()

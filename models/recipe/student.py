"""Student: the network that is shipped, as trained (BatchNorm apart, 256 outputs).

In: N x 3 x 128 x 128, RGB normalised with MEAN and STD. Out: N x 256, not yet of unit length.

Fifteen short stages whose borders have the widths and grids of the blocks of MobileNetV2, so that each can be taught alone
from that branch of the teacher without adapters. After 48,000 views most stages of one block are off by 2 to 7 per cent of the
variance; five stages of several blocks each were still off by 19 to 40 after 57,000, and a chain of such stages has lost what a
picture shows before its end. ReLU6, BatchNorm and depthwise 3x3 only: each loads and runs fast in the browser.
Stride-2 convolutions pad right and bottom only, as the teacher's do; padding all around would shift the grids by up to a cell.
"""

import torch
import torch.nn.functional as F
from torch import nn

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
HEAD = 1024
BORDER_WIDTHS = (24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320)


class ConvNorm(nn.Module):
    """Convolution, BatchNorm and, if asked for, ReLU6."""

    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1, relu=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, 0 if stride == 2 else kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x):
        if self.conv.stride[0] == 2:
            x = F.pad(x, (0, 1, 0, 1))
        x = self.norm(self.conv(x))
        return F.relu6(x, inplace=True) if self.relu else x


class Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel in space, narrow; with a bypass where the shapes agree."""

    def __init__(self, inputs, middle, outputs, stride=1):
        super().__init__()
        self.layers = nn.Sequential(
            ConvNorm(inputs, middle),
            ConvNorm(middle, middle, 3, stride, groups=middle),
            ConvNorm(middle, outputs, relu=False),
        )
        self.bypass = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.bypass else self.layers(x)


class Head(nn.Module):
    def __init__(self, inputs, middle, outputs):
        super().__init__()
        self.widen = ConvNorm(inputs, middle)
        self.linear = nn.Linear(middle, outputs)

    def forward(self, x):
        return self.linear(self.widen(x).mean((2, 3)))


def _stages():
    # A full convolution from 64 x 64 to 32 x 32: an inverted bottleneck there has about as many multiplications but is
    # made of the layers that are slowest in the browser.
    stem = [ConvNorm(3, 32, 3, 2), ConvNorm(32, 32, 3, groups=32), ConvNorm(32, 64, 3, 2), ConvNorm(64, 24, relu=False)]
    yield [*stem, Block(24, 144, 24)]
    # Inputs, middle, outputs, stride and how often.
    for inputs, middle, outputs, stride, times in (
        (24, 144, 32, 2, 1),
        (32, 192, 32, 1, 2),
        (32, 192, 64, 2, 1),
        (64, 384, 64, 1, 3),
        (64, 384, 96, 1, 1),
        (96, 576, 96, 1, 2),
        (96, 576, 160, 2, 1),
        (160, 960, 160, 1, 2),
        (160, 960, 320, 1, 1),
    ):
        for _ in range(times):
            yield [Block(inputs, middle, outputs, stride)]


class Student(nn.Module):
    def __init__(self, outputs: int = 256):
        super().__init__()
        self.stages = nn.ModuleList([nn.Sequential(*stage) for stage in _stages()])
        self.head = Head(BORDER_WIDTHS[-1], HEAD, outputs)

    def forward(self, x):
        for stage in self.stages:
            x = stage(x)
        return self.head(x)


def as_input(pictures) -> torch.Tensor:
    """uint8 N x H x W x 3 to the student's normalised input, channels last in memory (twice as fast on a CPU)."""
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(255)
    x = (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def settle_norms(student: Student, batches) -> None:
    """Estimate every BatchNorm's statistics anew on the whole chain.

    Needed after the block-wise phase, in which every stage saw the teacher's tensors and never its predecessor's.
    """
    norms = [m for m in student.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    student.train()
    for batch in batches:
        student(as_input(batch))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
    student.eval()

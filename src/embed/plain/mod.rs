//! Networks of plain layers, run by the project's own kernels: convolutions, depthwise filters, sums, means, products and
//! rows one behind the other.
//!
//! That is what small picture networks are made of when they are exported for use. The general runtime takes hundreds of
//! milliseconds to prepare such a graph in a browser, and longer a picture (`npm run bench:embed` measures it). `read` takes the graph;
//! a graph with anything else in it is left to the general runtime.
//!
//! Values are channels last, whatever the file says, so that a convolution is a product of matrices over rows of
//! pixels. The same bits come out in the builder and in every browser (see `kernel`).

mod read;
#[cfg(test)]
mod tests;

use crate::kernel::{Bounds, PackedMatrix, Sides, Window, depthwise, matmul};

/// Rows of patches that are laid out at a time, in numbers: they should stay in the second cache.
const PATCHES: usize = 32 << 10;

/// A graph that can be run.
#[derive(Debug)]
pub(super) struct Plain {
    /// Height, width and channels of each value; the first is the input.
    values: Vec<Sides>,
    steps: Vec<Step>,
    output: usize,
    /// Whether the output is one row and no picture.
    flat: bool,
}

/// One layer, from values to a value.
#[derive(Debug)]
struct Step {
    layer: Layer,
    from: usize,
    to: usize,
}

#[derive(Debug)]
enum Layer {
    /// A window over all channels; `matrix` takes its numbers row by row.
    Convolution {
        matrix: PackedMatrix,
        window: Window,
        bounds: Bounds,
    },
    /// A window over each channel by itself.
    Depthwise {
        weights: Vec<f32>,
        bias: Vec<f32>,
        window: Window,
        bounds: Bounds,
    },
    /// Plus another value of the same sides.
    Add(usize),
    /// One row, and another one behind it.
    Join(usize),
    Bound(Bounds),
    /// The mean of each channel.
    Mean,
    /// One row by a matrix.
    Product {
        matrix: PackedMatrix,
        bounds: Bounds,
    },
}

/// What comes out, as the graph declares it: channels first.
pub(super) struct Answer {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl Plain {
    /// Runs it on `planes`: channels first, of exactly the input's sides.
    pub(super) fn run(&self, planes: &[f32]) -> Answer {
        let mut held: Vec<Vec<f32>> = vec![Vec::new(); self.values.len()];
        held[0] = channels_last(planes, self.values[0]);
        let last_use = self.last_use();
        let mut spare: Vec<Vec<f32>> = Vec::new();
        for (number, step) in self.steps.iter().enumerate() {
            let sides = self.values[step.to];
            let mut out = spare.pop().unwrap_or_default();
            // Every layer writes every number.
            out.resize(sides.iter().product(), 0.0);
            step.run(&held, self.values[step.from], (&mut out, sides));
            held[step.to] = out;
            for value in [step.from, step.other()] {
                if last_use[value] == number && value != self.output {
                    spare.push(std::mem::take(&mut held[value]));
                }
            }
        }
        let [height, width, channels] = self.values[self.output];
        let values = std::mem::take(&mut held[self.output]);
        if self.flat {
            return Answer {
                shape: vec![1, values.len()],
                values,
            };
        }
        Answer {
            shape: vec![1, channels, height, width],
            values: channels_first(&values, channels),
        }
    }

    /// The last step that reads each value.
    fn last_use(&self) -> Vec<usize> {
        let mut last = vec![usize::MAX; self.values.len()];
        for (number, step) in self.steps.iter().enumerate() {
            last[step.from] = number;
            last[step.other()] = number;
        }
        last
    }
}

impl Step {
    /// The second value that it reads; the first again where it reads no other.
    fn other(&self) -> usize {
        match self.layer {
            Layer::Add(other) | Layer::Join(other) => other,
            _ => self.from,
        }
    }

    fn run(&self, held: &[Vec<f32>], from: Sides, (out, to): (&mut [f32], Sides)) {
        let input = held[self.from].as_slice();
        match &self.layer {
            Layer::Convolution {
                matrix,
                window,
                bounds,
            } => convolution((input, from), matrix, *window, *bounds, (out, to)),
            Layer::Depthwise {
                weights,
                bias,
                window,
                bounds,
            } => depthwise((input, from), weights, bias, *window, *bounds, (out, to)),
            Layer::Add(other) => {
                for ((out, a), b) in out.iter_mut().zip(input).zip(&held[*other]) {
                    *out = a + b;
                }
            }
            Layer::Join(other) => {
                let (first, second) = out.split_at_mut(input.len());
                first.copy_from_slice(input);
                second.copy_from_slice(&held[*other]);
            }
            Layer::Bound((least, most)) => {
                for (out, &value) in out.iter_mut().zip(input) {
                    let raised = if value < *least { *least } else { value };
                    *out = if raised > *most { *most } else { raised };
                }
            }
            Layer::Mean => {
                out.fill(0.0);
                for pixel in input.chunks_exact(out.len()) {
                    for (sum, value) in out.iter_mut().zip(pixel) {
                        *sum += value;
                    }
                }
                let pixels = (from[0] * from[1]) as f32;
                out.iter_mut().for_each(|sum| *sum /= pixels);
            }
            Layer::Product { matrix, bounds } => matmul(input, matrix, *bounds, out),
        }
    }
}

fn convolution(
    (input, from): (&[f32], Sides),
    matrix: &PackedMatrix,
    window: Window,
    bounds: Bounds,
    (out, to): (&mut [f32], Sides),
) {
    // The pixels themselves are the rows.
    if window.size == [1, 1] && window.stride == [1, 1] && window.before == [0, 0] {
        return matmul(input, matrix, bounds, out);
    }
    let [_, across, outputs] = to;
    let inner = matrix.inner();
    let many = (PATCHES / inner).max(1);
    let mut patches = vec![0.0; many * inner];
    for (chunk, out) in out.chunks_mut(many * outputs).enumerate() {
        let patches = &mut patches[..out.len() / outputs * inner];
        for (place, patch) in patches.chunks_exact_mut(inner).enumerate() {
            let place = chunk * many + place;
            lay_out(
                (input, from),
                window,
                [place / across, place % across],
                patch,
            );
        }
        matmul(patches, matrix, bounds, out);
    }
}

/// The numbers under the window at a place of the output, row by row; zeros outside the picture.
fn lay_out(
    (input, [height, width, channels]): (&[f32], Sides),
    window: Window,
    place: [usize; 2],
    patch: &mut [f32],
) {
    let (top, rows) = window.steps(0, place[0], height);
    let (left, columns) = window.steps(1, place[1], width);
    let row_length = window.size[1] * channels;
    let whole = rows.len() == window.size[0] && columns.len() == window.size[1];
    if !whole {
        patch.fill(0.0);
    }
    let (start, length) = (columns.start * channels, columns.len() * channels);
    for (down, row) in rows.enumerate() {
        let at = ((top + down) * width + left) * channels;
        patch[row * row_length + start..][..length].copy_from_slice(&input[at..at + length]);
    }
}

fn channels_last(planes: &[f32], [height, width, channels]: Sides) -> Vec<f32> {
    let pixels = height * width;
    let mut values = vec![0.0; pixels * channels];
    for (channel, plane) in planes.chunks_exact(pixels).enumerate() {
        for (pixel, value) in plane.iter().enumerate() {
            values[pixel * channels + channel] = *value;
        }
    }
    values
}

fn channels_first(values: &[f32], channels: usize) -> Vec<f32> {
    (0..channels)
        .flat_map(|channel| values.iter().skip(channel).step_by(channels).copied())
        .collect()
}

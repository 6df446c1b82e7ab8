//! Pixels of the input's size → the numbers that the network is fed, and its output → one vector.

use super::sidecar::{Channels, Input, Layout, Pooling};
use crate::image::Picture;

/// Where the value of channel `c` at pixel `p` stands.
fn place(layout: Layout, pixels: usize, pixel: usize, channel: usize) -> usize {
    match layout {
        Layout::Nchw => channel * pixels + pixel,
        Layout::Nhwc => pixel * 3 + channel,
    }
}

/// Which byte of a pixel is the network's channel `c`.
fn source(channels: Channels, channel: usize) -> usize {
    match channels {
        Channels::Rgb => channel,
        Channels::Bgr => 2 - channel,
    }
}

/// The picture as floats: `(value / 255 - mean) / std`.
pub(super) fn floats(picture: &Picture, input: &Input) -> Vec<f32> {
    let pixels = picture.rgb.len() / 3;
    let mut values = vec![0.0; pixels * 3];
    for channel in 0..3 {
        let from = source(input.channels, channel);
        let (mean, std) = (input.mean[channel], input.std[channel]);
        for (pixel, rgb) in picture.rgb.chunks_exact(3).enumerate() {
            values[place(input.layout, pixels, pixel, channel)] =
                (f32::from(rgb[from]) / 255.0 - mean) / std;
        }
    }
    values
}

/// The picture as bytes, only put in order. Nothing plain takes them.
#[cfg(any(test, feature = "any-model"))]
pub(super) fn bytes(picture: &Picture, input: &Input) -> Vec<u8> {
    let pixels = picture.rgb.len() / 3;
    let mut values = vec![0; pixels * 3];
    for channel in 0..3 {
        let from = source(input.channels, channel);
        for (pixel, rgb) in picture.rgb.chunks_exact(3).enumerate() {
            values[place(input.layout, pixels, pixel, channel)] = rgb[from];
        }
    }
    values
}

/// An output as it comes from the network.
pub(super) struct Values {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl Values {
    /// One vector. Without pooling, every number of the output; with it, the mean over all positions,
    /// where the channel is the second side of an NCHW output and the last one of any other.
    pub(super) fn pool(&self, pooling: Pooling, layout: Layout) -> Vec<f32> {
        if pooling == Pooling::None || self.shape.len() < 3 {
            return self.values.clone();
        }
        let channel_side = match (layout, self.shape.len()) {
            (Layout::Nchw, 4) => 1,
            _ => self.shape.len() - 1,
        };
        let channels = self.shape[channel_side];
        let inside: usize = self.shape[channel_side + 1..].iter().product();
        let positions = (self.values.len() / channels.max(1)).max(1);
        let mut sums = vec![0.0f64; channels];
        for (at, &value) in self.values.iter().enumerate() {
            sums[at / inside % channels] += f64::from(value);
        }
        sums.into_iter()
            .map(|sum| (sum / positions as f64) as f32)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::{ElementType, Input};

    fn input(layout: Layout, channels: Channels) -> Input {
        Input {
            name: String::new(),
            element: ElementType::Float32,
            layout,
            width: 2,
            height: 1,
            resize: Default::default(),
            filter: Default::default(),
            channels,
            mean: [0.0, 0.5, 1.0],
            std: [1.0, 0.5, 2.0],
        }
    }

    const PICTURE: [u8; 6] = [0, 51, 102, 153, 204, 255];

    fn picture() -> Picture {
        Picture {
            width: 2,
            height: 1,
            rgb: PICTURE.to_vec(),
        }
    }

    #[test]
    fn layout_and_channel_order_put_every_byte_in_its_place() {
        let fed = |layout, channels| bytes(&picture(), &input(layout, channels));
        assert_eq!(fed(Layout::Nhwc, Channels::Rgb), PICTURE);
        assert_eq!(
            fed(Layout::Nhwc, Channels::Bgr),
            [102, 51, 0, 255, 204, 153]
        );
        assert_eq!(
            fed(Layout::Nchw, Channels::Rgb),
            [0, 153, 51, 204, 102, 255]
        );
        assert_eq!(
            fed(Layout::Nchw, Channels::Bgr),
            [102, 255, 51, 204, 0, 153]
        );
    }

    #[test]
    fn mean_and_std_are_applied_channel_by_channel() {
        let fed = floats(&picture(), &input(Layout::Nchw, Channels::Rgb));
        let expected = [0.0, 0.6, -0.6, 0.6, -0.3, 0.0];
        for (found, expected) in fed.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{fed:?}");
        }
    }

    #[test]
    fn the_mean_is_taken_over_positions_in_either_layout() {
        let planes = Values {
            shape: vec![1, 2, 1, 3],
            values: vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0],
        };
        assert_eq!(planes.pool(Pooling::Mean, Layout::Nchw), [2.0, 20.0]);
        let interleaved = Values {
            shape: vec![1, 1, 3, 2],
            values: vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0],
        };
        assert_eq!(interleaved.pool(Pooling::Mean, Layout::Nhwc), [2.0, 20.0]);
        let tokens = Values {
            shape: vec![1, 3, 2],
            values: interleaved.values.clone(),
        };
        assert_eq!(tokens.pool(Pooling::Mean, Layout::Nchw), [2.0, 20.0]);
    }
}

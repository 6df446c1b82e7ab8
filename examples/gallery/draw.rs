//! Class and place in the class → every choice a picture makes, spread evenly over the class.
//!
//! Plain random numbers clump: of 20 vases, three would end up alike. Each named choice instead orders the
//! pictures of the class by its own permutation and gives picture `i` the `i`-th slice of the range, so that any one
//! parameter is spread evenly over the class and two parameters are independent of each other.

use crate::noise;
use crate::palette::{MOODS, Mood, TINTS, Tint};

pub struct Draw {
    class: u32,
    pub index: u32,
    pub count: u32,
}

impl Draw {
    pub fn new(class: &str, index: u32, count: u32) -> Draw {
        Draw {
            class: key(class),
            index,
            count,
        }
    }

    /// A number of its own for `name`, for noise and scattered details.
    pub fn seed(&self, name: &str) -> u32 {
        noise::hash(key(name) ^ self.class ^ self.index.wrapping_mul(0x9e37_79b1))
    }

    /// The picture's place among its class in the order that belongs to `name`.
    fn rank(&self, name: &str) -> u32 {
        let mut order: Vec<u32> = (0..self.count).collect();
        let mut state = key(name) ^ self.class.rotate_left(7);
        for i in (1..order.len()).rev() {
            state = noise::hash(state.wrapping_add(0x6d2b_79f5));
            order.swap(i, (state as usize) % (i + 1));
        }
        order[self.index as usize]
    }

    /// A value in `low..high`.
    pub fn span(&self, name: &str, low: f32, high: f32) -> f32 {
        let within = noise::unit(self.seed(name));
        low + (high - low) * (self.rank(name) as f32 + within) / self.count as f32
    }

    /// One of `0..ways`, each as often as the others.
    pub fn choice(&self, name: &str, ways: usize) -> usize {
        self.rank(name) as usize % ways
    }

    pub fn pick<'a, T>(&self, name: &str, from: &'a [T]) -> &'a T {
        &from[self.choice(name, from.len())]
    }

    pub fn chance(&self, name: &str, share: f32) -> bool {
        self.span(name, 0.0, 1.0) < share
    }

    /// Light, backdrop and floor colours of the picture.
    pub fn mood(&self) -> &'static Mood {
        self.pick("mood", &MOODS)
    }

    /// A curated colour that stands clear of the floor and of the backdrop.
    pub fn tint(&self, name: &str) -> &'static Tint {
        self.tint_clear_of(name, &[])
    }

    /// One of a short list, the next one if it would melt into the floor.
    pub fn clear<'a>(&self, name: &str, from: &'a [Tint]) -> &'a Tint {
        let mood = self.mood();
        let start = self.choice(name, from.len());
        let stands_out = |t: &Tint| {
            (t.linear() - mood.floor.linear()).length() > 0.2
                && (t.linear() - mood.wall.linear()).length() > 0.12
        };
        (0..from.len())
            .map(|step| &from[(start + step) % from.len()])
            .find(|t| stands_out(t))
            .unwrap_or(&from[start])
    }

    /// As `tint`, and also clear of the given colours.
    pub fn tint_clear_of(&self, name: &str, others: &[&Tint]) -> &'static Tint {
        let mood = self.mood();
        let start = self.rank(name) as usize;
        let apart = |t: &Tint, o: crate::maths::V3| (t.linear() - o).length();
        (0..TINTS.len())
            .map(|step| &TINTS[(start + step * 7) % TINTS.len()])
            .find(|t| {
                apart(t, mood.floor.linear()) > 0.22
                    && apart(t, mood.wall.linear()) > 0.14
                    && others.iter().all(|o| apart(t, o.linear()) > 0.25)
            })
            .unwrap_or(&TINTS[start % TINTS.len()])
    }
}

/// FNV-1a, so that a name keeps its choices whatever else is added to the gallery.
fn key(name: &str) -> u32 {
    name.bytes()
        .fold(0x811c_9dc5, |h, b| (h ^ b as u32).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slice_of_a_range_is_used_once() {
        let mut seen: Vec<u32> = (0..20)
            .map(|i| Draw::new("vases", i, 20).span("height", 0.0, 20.0) as u32)
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn two_names_give_two_orders() {
        let order = |name| {
            (0..20)
                .map(|i| Draw::new("vases", i, 20).rank(name))
                .collect::<Vec<_>>()
        };
        assert_ne!(order("height"), order("width"));
    }
}

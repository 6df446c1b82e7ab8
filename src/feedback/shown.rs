//! Events of all epochs → how often searches showed each picture.
//!
//! Pictures keep their ids when cells end, so this goes on to mean something while an index is moved over to another model, epoch by
//! epoch. As elsewhere, a session counts for at most [`SESSION_LIMIT`] searches.

use std::collections::{HashMap, HashSet};

use super::estimate::{SEARCHES_LIMIT, SESSION_LIMIT};
use super::event::Event;

/// Takes events, gives counts by picture.
#[derive(Debug, Default)]
pub struct Showings {
    of: HashMap<u32, u64>,
    seen: HashSet<String>,
    of_session: HashMap<String, u32>,
}

impl Showings {
    pub fn take(&mut self, event: &Event) {
        let Event::Impression(impression) = event else {
            return;
        };
        if self.seen.len() >= SEARCHES_LIMIT {
            return;
        }
        // "Show more" is another impression of the same search, with other pictures.
        if !self.seen.contains(&impression.search_id) {
            let searches = self.of_session.entry(impression.session.clone());
            let searches = searches.or_default();
            if *searches >= SESSION_LIMIT {
                return;
            }
            *searches += 1;
            self.seen.insert(impression.search_id.clone());
        }
        for shown in &impression.shown {
            *self.of.entry(shown.image_id).or_default() += 1;
        }
    }

    /// Searches that showed a picture, by its id.
    pub fn finish(self) -> HashMap<u32, u64> {
        self.of
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feedback::{Impression, Shown};

    fn search(id: u32, session: &str, epoch: u64, pictures: &[u32]) -> Event {
        let shown = (0..).zip(pictures).map(|(position, &image_id)| Shown {
            image_id,
            position,
            cell: 0,
        });
        Event::Impression(Impression {
            event_id: format!("e{id}{pictures:?}"),
            session: session.into(),
            search_id: format!("q{id}"),
            epoch,
            query: None,
            shown: shown.collect(),
            probed: vec![1],
            scanned: 1,
            took_ms: 1.0,
            at: 0.0,
        })
    }

    #[test]
    fn pictures_count_over_epochs_and_one_session_does_not_speak_for_all() {
        let mut showings = Showings::default();
        showings.take(&search(1, "a", 0, &[7, 8]));
        showings.take(&search(1, "a", 0, &[9]));
        showings.take(&search(2, "b", 5, &[7]));
        for id in 100..300 {
            showings.take(&search(id, "loud", 5, &[1]));
        }
        let of = showings.finish();
        assert_eq!((of[&7], of[&8], of[&9]), (2, 1, 1));
        assert_eq!(of[&1], u64::from(SESSION_LIMIT));
    }
}

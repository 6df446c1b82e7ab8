//! Events → what is known of the present epoch: how often each cell is opened, by how many visitors,
//! what was clicked, and the searches to replay.
//!
//! Only searches that the present epoch answered count. Cells that stay keep their ids, but shares are
//! shares of searches, and a search of another epoch had other cells to choose from. A session counts
//! for at most [`SESSION_LIMIT`] searches, so that one visitor, or one script, does not speak for all;
//! what a forged event can reach is bounded anyway, since a new epoch changes the cost of answers, is
//! replayed before it is published, and never changes what can be found.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::event::{Event, Query};

/// Searches of one session that count.
pub const SESSION_LIMIT: u32 = 50;
/// Searches that count at all; more would say the same and cost memory.
pub const SEARCHES_LIMIT: usize = 200_000;
/// Searches that are kept to be replayed.
pub const REPLAY_LIMIT: usize = 400;

/// What is known of one cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CellTraffic {
    /// Searches that opened it.
    pub searches: u64,
    /// Different sessions among them.
    pub sessions: u64,
}

/// A search that can be asked again.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedSearch {
    /// What it was for, when the event says so.
    pub query: Option<Query>,
    /// The best hit: where the query is not told, the picture nearest to it stands for it.
    pub best_shown: Option<u32>,
    /// The cells it opened.
    pub probed: Vec<u32>,
}

/// What the events say of one epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Estimates {
    pub epoch: u64,
    /// Different searches of this epoch.
    pub searches: u64,
    pub sessions: u64,
    /// Clicks on what these searches showed.
    pub clicks: u64,
    /// Share of the searches that led to a click.
    pub clicked_share: f64,
    /// Impressions that another epoch answered.
    pub of_other_epochs: u64,
    /// Searches left out because their session had spoken often enough.
    pub over_session_limit: u64,
    /// Rows scanned per search, as the pages report.
    pub mean_scanned: f64,
    /// 95 of 100 searches took less, as the pages report.
    pub p95_took_ms: f64,
    /// Audits, and the mean recall that they found.
    pub audits: u64,
    pub audited_recall: Option<f64>,
    /// By stable id; a cell that no search opened is not in it.
    pub cells: BTreeMap<u32, CellTraffic>,
    #[serde(skip)]
    pub logged: Vec<LoggedSearch>,
}

impl Estimates {
    /// Share of the searches that opened a cell.
    pub fn share(&self, cell: u32) -> f64 {
        let opened = self.cells.get(&cell).map_or(0, |traffic| traffic.searches);
        opened as f64 / (self.searches as f64).max(1.0)
    }
}

/// Takes events in any order of kinds, gives [`Estimates`].
#[derive(Debug, Default)]
pub struct Estimator {
    estimates: Estimates,
    seen: BTreeSet<String>,
    of_session: BTreeMap<String, (u32, u32)>,
    sessions_of: BTreeMap<u32, BTreeSet<u32>>,
    clicked: BTreeMap<String, u64>,
    audits: Vec<(String, f64)>,
    took_ms: Vec<f64>,
    scanned: f64,
}

impl Estimator {
    /// For the searches that `epoch` answered.
    pub fn new(epoch: u64) -> Estimator {
        Estimator {
            estimates: Estimates {
                epoch,
                ..Estimates::default()
            },
            ..Estimator::default()
        }
    }

    /// Takes one event. Clicks may come before their search.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Click(click) => *self.clicked.entry(click.search_id.clone()).or_default() += 1,
            Event::Audit(audit) if audit.epoch == self.estimates.epoch => self
                .audits
                .push((audit.search_id.clone(), audit.recall_estimate)),
            Event::Audit(_) => {}
            Event::Impression(impression) => {
                if impression.epoch != self.estimates.epoch {
                    self.estimates.of_other_epochs += 1;
                    return;
                }
                // "Show more" is another impression of the same search.
                if self.seen.len() >= SEARCHES_LIMIT || self.seen.contains(&impression.search_id) {
                    return;
                }
                let number = self.of_session.len() as u32;
                let session = self
                    .of_session
                    .entry(impression.session.clone())
                    .or_insert((number, 0));
                if session.1 >= SESSION_LIMIT {
                    self.estimates.over_session_limit += 1;
                    return;
                }
                session.1 += 1;
                let session = session.0;
                self.seen.insert(impression.search_id.clone());
                self.scanned += impression.scanned as f64;
                self.took_ms.push(impression.took_ms);
                let probed: BTreeSet<u32> = impression.probed.iter().copied().collect();
                for cell in probed {
                    self.estimates.cells.entry(cell).or_default().searches += 1;
                    self.sessions_of.entry(cell).or_default().insert(session);
                }
                if self.estimates.logged.len() < REPLAY_LIMIT {
                    let best = impression.shown.iter().min_by_key(|shown| shown.position);
                    self.estimates.logged.push(LoggedSearch {
                        query: impression.query.clone(),
                        best_shown: best.map(|shown| shown.image_id),
                        probed: impression.probed.clone(),
                    });
                }
            }
        }
    }

    /// What they say together.
    pub fn finish(mut self) -> Estimates {
        let mut estimates = self.estimates;
        let searches = self.seen.len();
        let of_these = |id: &String| self.seen.contains(id);
        let clicked = self.clicked.iter().filter(|(id, _)| of_these(id));
        let (with_click, clicks) = clicked.fold((0u64, 0u64), |(searches, clicks), (_, count)| {
            (searches + 1, clicks + count)
        });
        estimates.searches = searches as u64;
        estimates.sessions = self.of_session.len() as u64;
        estimates.clicks = clicks;
        estimates.clicked_share = with_click as f64 / (searches as f64).max(1.0);
        estimates.mean_scanned = self.scanned / (searches as f64).max(1.0);
        self.took_ms.sort_by(f64::total_cmp);
        let rank = (self.took_ms.len() * 95).div_ceil(100);
        estimates.p95_took_ms = rank
            .checked_sub(1)
            .and_then(|rank| self.took_ms.get(rank))
            .copied()
            .unwrap_or(0.0);
        let audits: Vec<f64> = self
            .audits
            .iter()
            .filter(|(id, _)| of_these(id))
            .map(|(_, recall)| *recall)
            .collect();
        estimates.audits = audits.len() as u64;
        if !audits.is_empty() {
            estimates.audited_recall = Some(audits.iter().sum::<f64>() / audits.len() as f64);
        }
        for (cell, sessions) in self.sessions_of {
            if let Some(traffic) = estimates.cells.get_mut(&cell) {
                traffic.sessions = sessions.len() as u64;
            }
        }
        estimates
    }
}

/// Events → estimates, in one call.
pub fn estimate<'a>(epoch: u64, events: impl IntoIterator<Item = &'a Event>) -> Estimates {
    let mut estimator = Estimator::new(epoch);
    for event in events {
        estimator.take(event);
    }
    estimator.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feedback::{Audit, Click, Impression, Shown};

    fn search(id: u32, session: &str, epoch: u64, probed: &[u32]) -> Event {
        let shown = |image_id, position| Shown {
            image_id,
            position,
            cell: 0,
        };
        Event::Impression(Impression {
            event_id: format!("e{id}"),
            session: session.into(),
            search_id: format!("q{id}"),
            epoch,
            query: None,
            shown: vec![shown(8, 1), shown(9, 0)],
            probed: probed.to_vec(),
            scanned: 10 * u64::from(id),
            took_ms: f64::from(id),
            at: 0.0,
        })
    }

    fn click(search: u32) -> Event {
        Event::Click(Click {
            event_id: format!("c{search}"),
            session: "a".into(),
            search_id: format!("q{search}"),
            image_id: 9,
            position: 0,
            at: 0.0,
        })
    }

    #[test]
    fn a_cells_share_is_the_share_of_searches_that_opened_it() {
        let events = [
            search(1, "a", 3, &[7, 8]),
            search(2, "a", 3, &[7]),
            search(3, "b", 3, &[7, 7]),
            search(4, "b", 3, &[8]),
            search(5, "b", 2, &[7]),
        ];
        let estimates = estimate(3, &events);
        assert_eq!((estimates.searches, estimates.sessions), (4, 2));
        assert_eq!(estimates.of_other_epochs, 1);
        assert_eq!(estimates.share(7), 0.75);
        assert_eq!(estimates.share(99), 0.0);
        assert_eq!(estimates.cells[&7].sessions, 2);
        assert_eq!(estimates.mean_scanned, 25.0);
        assert_eq!(estimates.p95_took_ms, 4.0);
        assert_eq!(estimates.logged[0].best_shown, Some(9));
    }

    #[test]
    fn a_search_shown_twice_counts_once_and_a_click_counts_with_its_search_only() {
        let mut again = search(1, "a", 0, &[5]);
        if let Event::Impression(impression) = &mut again {
            impression.event_id = "other".into();
        }
        let audit = |search: u32, recall_estimate| {
            Event::Audit(Audit {
                event_id: format!("a{search}"),
                session: "a".into(),
                search_id: format!("q{search}"),
                epoch: 0,
                recall_estimate,
                at: 0.0,
            })
        };
        let events = [
            click(1),
            search(1, "a", 0, &[5]),
            again,
            search(2, "a", 0, &[6]),
            click(77),
            audit(2, 0.5),
            audit(77, 0.0),
        ];
        let estimates = estimate(0, &events);
        assert_eq!((estimates.searches, estimates.clicks), (2, 1));
        assert_eq!(estimates.clicked_share, 0.5);
        assert_eq!((estimates.audits, estimates.audited_recall), (1, Some(0.5)));
    }

    #[test]
    fn one_session_does_not_speak_for_all() {
        let mut events: Vec<Event> = (0..500).map(|id| search(id, "loud", 0, &[1])).collect();
        events.push(search(1000, "quiet", 0, &[2]));
        let estimates = estimate(0, &events);
        assert_eq!(estimates.searches, u64::from(SESSION_LIMIT) + 1);
        assert_eq!(estimates.over_session_limit, 450);
    }

    #[test]
    fn no_events_give_no_estimates_and_no_division_by_zero() {
        let estimates = estimate(0, []);
        assert_eq!((estimates.searches, estimates.share(1)), (0, 0.0));
        assert!(estimates.mean_scanned == 0.0 && estimates.p95_took_ms == 0.0);
    }
}

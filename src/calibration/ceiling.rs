//! Held-out probes → the share of the true nearest that codes hold when every cell is open.
//!
//! Codes estimate similarities, and the bound of the signs excludes a few rows that it should not: both lose neighbours that no
//! further cell brings back. No answer may state more than what is left.

use super::Probe;
use super::fit::{neighbours, options};
use crate::index::{Index, Routing};
use crate::partition::Workers;
use crate::search::{Ceilings, DEPTHS, SearchError, TARGETS, Trace, WIDE_FROM};

/// Each opens every cell, once for each k and bound. The mean of so many is off by about 0.002 where codes of 6 bits hold 0.98.
const PROBES: usize = 400;

pub(super) fn ceilings(
    index: &Index,
    routing: &Routing,
    probes: &[Probe],
    workers: &dyn Workers,
) -> Result<Ceilings, SearchError> {
    let probes = &probes[..probes.len().min(PROBES)];
    let widest = TARGETS[TARGETS.len() - 1];
    let mut ceilings = Ceilings::default();
    for (ceilings, recall) in ceilings.iter_mut().zip([WIDE_FROM, widest]) {
        for (ceiling, k) in ceilings.iter_mut().zip(DEPTHS) {
            let held = workers.map(probes.len(), |number| -> Result<f64, SearchError> {
                let probe = &probes[number];
                let truth = neighbours(probe, k as usize);
                let options = options(probe.id, k as usize, recall);
                let mut trace = Trace::new(routing, probe.vector, options)?;
                while trace.advance(index)? {}
                let found = trace.best(k as usize).filter(|id| truth.contains(id));
                Ok(found.count() as f64 / truth.len().max(1) as f64)
            });
            let sum: f64 = held.into_iter().sum::<Result<f64, _>>()?;
            *ceiling = (sum / probes.len().max(1) as f64) as f32;
        }
    }
    // A wider bound reads more and loses no more, whatever chance did.
    let [narrow, wide] = &mut ceilings;
    for (wide, narrow) in wide.iter_mut().zip(narrow) {
        *wide = wide.max(*narrow);
    }
    Ok(ceilings)
}

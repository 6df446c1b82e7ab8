//! A manifest, then its files in any order → an index that queries can read.
//!
//! Every file is checked against the hash in its name, then by its own checksums, then against what
//! is already held: a segment must fit the routing's table, and no picture may be in two segments.
//! A file that fails leaves the index as it was. Ranges of segments come in through `sparse`.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::{
    Cell, FileRef, IndexError, Manifest, Record, Records, Routing, Segment, SparseCell,
    content_name,
};
use crate::quantize::{CodeBits, Metric};

/// One epoch, as far as its files have been supplied.
#[derive(Debug, Clone)]
pub struct Index {
    pub(super) manifest: Arc<Manifest>,
    pub(super) name: String,
    pub(super) routing: Option<Arc<Routing>>,
    pub(super) segments: Vec<Option<Arc<Segment>>>,
    /// Cells of the segments that are not here as a whole, by segment and slot.
    pub(super) sparse: BTreeMap<(u32, u32), Arc<SparseCell>>,
    pub(super) records: Vec<Option<Arc<Records>>>,
    /// Blocks of the files of records that are not here as a whole, by file and place in it.
    pub(super) blocks: BTreeMap<(u32, u32), Arc<[Record]>>,
    pub(super) ids: RoaringBitmap,
}

/// What a name of the manifest stands for.
enum Place {
    Routing,
    Segment(usize),
    Records(usize),
}

impl Index {
    /// Starts with a manifest; everything that it names is missing.
    pub fn open(manifest: &[u8]) -> Result<Self, IndexError> {
        let parsed = Manifest::parse(manifest)?;
        Ok(Self {
            name: content_name("manifest", manifest, "json"),
            routing: None,
            segments: vec![None; parsed.segments.len()],
            sparse: BTreeMap::new(),
            records: vec![None; parsed.records.len()],
            blocks: BTreeMap::new(),
            ids: RoaringBitmap::new(),
            manifest: Arc::new(parsed),
        })
    }

    /// What has not been supplied yet: routing, segments, then records. The model is not among
    /// them, it belongs to the embedder.
    pub fn missing(&self) -> Vec<FileRef> {
        let absent = |(number, file): (usize, &FileRef)| {
            self.records[number].is_none().then(|| file.clone())
        };
        let records = self.manifest.records.iter().enumerate().filter_map(absent);
        self.missing_for_search()
            .into_iter()
            .chain(records)
            .collect()
    }

    /// The part of [`missing`](Self::missing) without which some query may not be answered.
    pub fn missing_for_search(&self) -> Vec<FileRef> {
        let routing = self
            .routing
            .is_none()
            .then(|| self.manifest.routing.clone());
        let absent = |(number, file): (usize, &FileRef)| {
            self.segments[number].is_none().then(|| file.clone())
        };
        routing
            .into_iter()
            .chain(self.manifest.segments.iter().enumerate().filter_map(absent))
            .collect()
    }

    /// Whether every query can be answered without another file.
    pub fn ready(&self) -> bool {
        self.routing.is_some() && self.segments.iter().all(Option::is_some)
    }

    /// Takes in a file that the manifest names. A file that is already held is verified and let go.
    pub fn supply(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), IndexError> {
        let unnamed = || IndexError::Unnamed {
            name: name.to_owned(),
            epoch: self.manifest.epoch,
        };
        let (place, file) = self.place(name).ok_or_else(unnamed)?;
        file.verify(&bytes)?;
        match place {
            Place::Routing => self.take_routing(Routing::parse(name, &bytes)?),
            Place::Segment(number) => {
                self.take_segment(number, Segment::parse_verified(name, &bytes)?)
            }
            Place::Records(number) => self.take_records(number, Records::parse(name, &bytes)?),
        }
    }

    /// The manifest of this epoch.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The content name of the manifest, which the next epoch states as its parent.
    pub fn manifest_name(&self) -> &str {
        &self.name
    }

    /// The epoch.
    pub fn epoch(&self) -> u64 {
        self.manifest.epoch
    }

    /// The routing, once it has been supplied.
    pub fn routing(&self) -> Option<&Routing> {
        self.routing.as_deref()
    }

    /// A segment, once it has been supplied.
    pub fn segment(&self, number: u32) -> Option<&Segment> {
        self.segments.get(number as usize)?.as_deref()
    }

    /// What makes two of its vectors near.
    pub fn metric(&self) -> Metric {
        self.manifest.metric
    }

    /// Bits a dimension of the codes; none before the first segment is here.
    pub fn code_bits(&self) -> Option<CodeBits> {
        let segment = self.segments.iter().flatten().next()?;
        Some(segment.bits)
    }

    /// The file that holds a segment.
    pub fn segment_file(&self, number: u32) -> Option<&FileRef> {
        self.manifest.segments.get(number as usize)
    }

    /// A picture's record, if its file, or its block of it, has been supplied and holds it. Needs the routing, which says who was removed.
    pub fn record(&self, id: u32) -> Option<Record> {
        if self.routing()?.changes.is_dead(id) {
            return None;
        }
        let file = self.records_place(id)?;
        match self.records.get(file)? {
            Some(records) => records.get(id),
            None => self.record_of_block(file, id).cloned(),
        }
    }

    /// All records of files that have been supplied whole, ascending by id; none without the routing.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let changes = self.routing().map(|routing| &routing.changes);
        self.records
            .iter()
            .flatten()
            .flat_map(|records| records.iter())
            .filter(move |record| changes.is_some_and(|changes| !changes.is_dead(record.id)))
    }

    /// The pictures of which a record is stored, removed ones too.
    pub fn stored_records(&self) -> impl Iterator<Item = u32> + '_ {
        let records = self.records.iter().flatten();
        records.flat_map(|records| records.iter().map(|record| record.id))
    }

    /// The files of records with what is stored in them, removed pictures too, and the first id that each may hold.
    pub(crate) fn records_stored(&self) -> impl Iterator<Item = (u32, &FileRef, Option<&Records>)> {
        let manifest = &self.manifest;
        let files = manifest.records_from.iter().zip(&manifest.records);
        files
            .zip(&self.records)
            .map(|((&from, file), records)| (from, file, records.as_deref()))
    }

    /// A picture's vector as its code gives it back, of unit length where the angle counts: the query for "more like this
    /// one". None if the picture is unknown or its segment has not been supplied.
    pub fn vector(&self, id: u32) -> Option<Vec<f32>> {
        let routing = self.routing()?;
        if !self.ids.contains(id) || routing.changes.is_dead(id) {
            return None;
        }
        for place in 0..routing.places() {
            let Some((of, cell, row)) = self.row(place, id) else {
                continue;
            };
            let mut centroid = vec![0.0; routing.dimension];
            routing.centroids.decode(of as usize, &mut centroid);
            let mut vector = vec![0.0; routing.dimension];
            cell.codes.decode(row, &centroid, &mut vector);
            routing.rotation.undo(&mut vector);
            if let Some(frame) = &routing.frame {
                frame.leave(&mut vector);
                return Some(vector);
            }
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            if length > 0.0 && length.is_finite() {
                vector.iter_mut().for_each(|value| *value /= length);
            }
            return Some(vector);
        }
        None
    }

    /// A picture's row at a place, if it is there with all its bits, and the cell that it is of.
    fn row(&self, place: u32, id: u32) -> Option<(u32, &Cell, usize)> {
        let piece = self.routing()?.piece(place)?;
        if let Some(segment) = self.segment(piece.segment) {
            let cell = segment.cells.get(piece.slot as usize)?;
            return Some((piece.cell, cell, cell.ids.binary_search(&id).ok()?));
        }
        let sparse = self.sparse_cell(piece.segment, piece.slot)?;
        let row = sparse.cell().ids.binary_search(&id).ok()?;
        sparse
            .holds(row as u32)
            .then_some((piece.cell, sparse.cell(), row))
    }

    fn place(&self, name: &str) -> Option<(Place, &FileRef)> {
        let manifest = &self.manifest;
        let at = |files: &[FileRef]| files.iter().position(|file| file.name == name);
        if manifest.routing.name == name {
            Some((Place::Routing, &manifest.routing))
        } else if let Some(number) = at(&manifest.segments) {
            Some((Place::Segment(number), &manifest.segments[number]))
        } else {
            at(&manifest.records).map(|number| (Place::Records(number), &manifest.records[number]))
        }
    }

    pub(super) fn records_place(&self, id: u32) -> Option<usize> {
        self.manifest
            .records_from
            .partition_point(|&first| first <= id)
            .checked_sub(1)
    }

    fn take_routing(&mut self, routing: Routing) -> Result<(), IndexError> {
        let manifest = &self.manifest;
        let found = (
            routing.epoch,
            routing.dimension,
            (routing.cells.len(), routing.changes.pieces().len()),
            routing.segments as usize,
            routing.rows(),
            routing.metric(),
        );
        let stated = (
            manifest.epoch,
            manifest.dimension,
            (
                manifest.counts.cells as usize,
                manifest.counts.pieces as usize,
            ),
            manifest.segments.len(),
            manifest.counts.pictures,
            manifest.metric,
        );
        let name = &manifest.routing.name;
        if found != stated {
            let what = format!(
                "epoch, dimension, cells and pieces, segments, live rows and metric are {found:?} where the manifest says {stated:?}"
            );
            return Err(IndexError::inconsistent(name, what));
        }
        if let Some(cell) = routing
            .cells
            .iter()
            .find(|cell| cell.id >= manifest.next_cell_id)
        {
            let what = format!(
                "cell id {} where the next free one is {}",
                cell.id, manifest.next_cell_id
            );
            return Err(IndexError::inconsistent(name, what));
        }
        routing.check_spans(manifest)?;
        if let Some(blocks) = &routing.record_blocks {
            blocks.fit(manifest)?;
        }
        self.check_sparse(&routing)?;
        for (number, segment) in self.segments.iter().enumerate() {
            if let Some(segment) = segment {
                routing.check_segment(number as u32, &manifest.segments[number].name, segment)?;
            }
        }
        self.routing = Some(Arc::new(routing));
        Ok(())
    }

    fn take_segment(&mut self, number: usize, segment: Segment) -> Result<(), IndexError> {
        if self.segments[number].is_some() {
            return Ok(());
        }
        let name = &self.manifest.segments[number].name;
        if segment.dimension != self.manifest.dimension {
            let what = format!(
                "dimension {} where the manifest says {}",
                segment.dimension, self.manifest.dimension
            );
            return Err(IndexError::inconsistent(name, what));
        }
        if let Some(routing) = &self.routing {
            routing.check_segment(number as u32, name, &segment)?;
        }
        let own = || segment.cells.iter().flat_map(|cell| &cell.ids).copied();
        let sparse = self.sparse_ids(number);
        let elsewhere = |id: u32| self.ids.contains(id) && sparse.binary_search(&id).is_err();
        if let Some(twice) = own().find(|&id| elsewhere(id)) {
            return Err(IndexError::inconsistent(
                name,
                format!("picture {twice} is in another segment too"),
            ));
        }
        self.ids.extend(own());
        self.sparse.retain(|&(of, _), _| of as usize != number);
        self.segments[number] = Some(Arc::new(segment));
        Ok(())
    }

    fn take_records(&mut self, number: usize, records: Records) -> Result<(), IndexError> {
        self.check_records(number, &records)?;
        self.records[number] = Some(Arc::new(records));
        self.blocks.retain(|&(of, _), _| of as usize != number);
        Ok(())
    }

    pub(super) fn check_records(&self, number: usize, records: &Records) -> Result<(), IndexError> {
        let from = &self.manifest.records_from;
        if let Some((first, last)) = records.range()
            && (first < from[number] || from.get(number + 1).is_some_and(|&next| last >= next))
        {
            let what =
                format!("ids {first} to {last} are not the ones that the manifest places there");
            return Err(IndexError::inconsistent(
                &self.manifest.records[number].name,
                what,
            ));
        }
        Ok(())
    }
}

//! The compact protocol of Apache Thrift, walked without taking it at its word.
//!
//! A struct is its fields, each with a type and the distance of its number to the one before, until one of type 0; a list is its length
//! and the type of its parts, then these (thrift-compact-protocol.md, "Struct encoding" and "List and Set").

/// Structs and lists in one another. What Parquet's own have is 6 at most.
const DEEPEST: usize = 24;

/// Why bytes cannot be walked.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// They end before what they state does.
    Short,
    Damaged,
}

/// What is met on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    Boolean,
    /// Or text.
    Bytes,
    Number(i64),
    /// Its fields come next.
    Struct,
    /// Of as many parts, which come next.
    List(u64),
}

/// Walks the struct that begins here. Shows what is in it, each part with the numbers of the fields that lead there, until one is not
/// accepted; gives how many bytes the struct takes.
///
/// Some readers take a boolean in a list to have no bytes, and skip as many as are stated; the tables of Parquet have no such lists
/// and no maps, so these are refused.
pub(super) fn walk(
    bytes: &[u8],
    accept: &mut dyn FnMut(&[i64], Part) -> bool,
) -> Result<usize, Fault> {
    let mut walk = Walk {
        left: bytes,
        path: Vec::new(),
        accept,
    };
    walk.fields()?;
    Ok(bytes.len() - walk.left.len())
}

struct Walk<'a> {
    left: &'a [u8],
    /// Field numbers from the outermost struct on.
    path: Vec<i64>,
    accept: &'a mut dyn FnMut(&[i64], Part) -> bool,
}

impl Walk<'_> {
    fn fields(&mut self) -> Result<(), Fault> {
        if self.path.len() == DEEPEST {
            return Err(Fault::Damaged);
        }
        let mut number = 0i64;
        loop {
            let byte = self.byte()?;
            let kind = byte & 15;
            if kind == 0 {
                return Ok(());
            }
            number = match byte >> 4 {
                0 => self.zigzag()?,
                distance => number.wrapping_add(i64::from(distance)),
            };
            self.path.push(number);
            match kind {
                // A boolean is its type.
                1 | 2 => self.show(Part::Boolean)?,
                _ => self.value(kind)?,
            }
            self.path.pop();
        }
    }

    fn value(&mut self, kind: u8) -> Result<(), Fault> {
        match kind {
            3 => self.bytes(1),
            4..=6 => {
                let value = self.zigzag()?;
                self.show(Part::Number(value))
            }
            7 => self.bytes(8),
            8 => {
                let length = self.varint()?;
                self.bytes(usize::try_from(length).map_err(|_| Fault::Damaged)?)
            }
            9 | 10 => self.list(),
            12 => {
                self.show(Part::Struct)?;
                self.fields()
            }
            _ => Err(Fault::Damaged),
        }
    }

    fn list(&mut self) -> Result<(), Fault> {
        let byte = self.byte()?;
        let length = match byte >> 4 {
            15 => self.varint()?,
            length => u64::from(length),
        };
        // Each part takes a byte or more.
        if length > self.left.len() as u64 {
            return Err(Fault::Short);
        }
        self.show(Part::List(length))?;
        if self.path.len() == DEEPEST {
            return Err(Fault::Damaged);
        }
        for _ in 0..length {
            match byte & 15 {
                // A list in a list has no field of its own.
                kind @ (9 | 10) => {
                    self.path.push(0);
                    self.value(kind)?;
                    self.path.pop();
                }
                kind => self.value(kind)?,
            }
        }
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (&byte, rest) = self.left.split_first().ok_or(Fault::Short)?;
        self.left = rest;
        Ok(byte)
    }

    fn bytes(&mut self, bytes: usize) -> Result<(), Fault> {
        self.left = self.left.get(bytes..).ok_or(Fault::Short)?;
        self.show(Part::Bytes)
    }

    fn show(&mut self, part: Part) -> Result<(), Fault> {
        match (self.accept)(&self.path, part) {
            true => Ok(()),
            false => Err(Fault::Damaged),
        }
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(Fault::Damaged)
    }

    /// 0, −1, 1, −2, … as 0, 1, 2, 3, …
    fn zigzag(&mut self) -> Result<i64, Fault> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Vec<(Vec<i64>, Part)>;

    fn parts(bytes: &[u8]) -> Result<(usize, Told), Fault> {
        let mut parts = Vec::new();
        let taken = walk(bytes, &mut |path, part| {
            parts.push((path.to_vec(), part));
            path != [99]
        })?;
        Ok((taken, parts))
    }

    /// Field 1 is 0, field 2 a list of two structs with a 6 each as field 5, field 4 some text, field 20 a −1.
    const STRUCT: [u8; 17] = [
        0x15, 0, 0x19, 0x2c, 0x55, 12, 0, 0x55, 12, 0, 0x28, 1, b'a', 0x06, 40, 1, 0,
    ];

    #[test]
    fn all_parts_are_shown_with_the_fields_that_lead_there() {
        let expected = vec![
            (vec![1], Part::Number(0)),
            (vec![2], Part::List(2)),
            (vec![2], Part::Struct),
            (vec![2, 5], Part::Number(6)),
            (vec![2], Part::Struct),
            (vec![2, 5], Part::Number(6)),
            (vec![4], Part::Bytes),
            (vec![20], Part::Number(-1)),
        ];
        let mut followed = STRUCT.to_vec();
        followed.extend([9; 30]);
        assert_eq!(parts(&followed), Ok((STRUCT.len(), expected)));
    }

    #[test]
    fn what_is_cut_short_is_told_apart_from_what_is_damaged() {
        for length in 0..STRUCT.len() {
            assert_eq!(parts(&STRUCT[..length]), Err(Fault::Short), "{length}");
        }
        let mut endless = vec![0x15];
        endless.extend([255; 12]);
        assert_eq!(parts(&endless), Err(Fault::Damaged));
    }

    #[test]
    fn a_list_of_more_parts_than_bytes_of_booleans_or_too_deep_is_refused() {
        let stated = |kind: u8| [0x19, 0xf0 | kind, 0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0];
        for kind in [5, 7, 8, 9, 12] {
            assert_eq!(parts(&stated(kind)), Err(Fault::Short), "{kind}");
        }
        for list in [[0x19, 0x21, 1, 1, 0], [0x1b, 1, 0x55, 2, 2]] {
            assert_eq!(parts(&list), Err(Fault::Damaged));
        }
        assert_eq!(parts(&[0x1c; 100]), Err(Fault::Damaged));
        // Field 99 is a boolean.
        assert_eq!(parts(&[0x01, 198, 1, 0]), Err(Fault::Damaged));
        assert_eq!(parts(&[0x19; 100]), Err(Fault::Damaged));
    }
}

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

/// What a field holds, or a part of a list.
pub(super) enum Kind {
    Boolean,
    Byte,
    /// Of 16, 32 or 64 bits, all written alike.
    Number,
    Double,
    /// Or text.
    Bytes,
    List(&'static Kind),
    Struct(&'static Fields),
}

/// Fields of a struct by their numbers.
pub(super) type Fields = [(i16, Kind)];

/// Walks the struct that begins here; gives how many bytes it takes. Fields that are not among the `known` may hold anything that can be walked.
/// Shows each number, and the length of each list and text, with the numbers of the fields that lead there.
///
/// Some readers take a boolean in a list to have no bytes, and skip as many as are stated; the tables of Parquet have no such lists
/// and no maps, so these are refused.
pub(super) fn walk(
    bytes: &[u8],
    known: &'static Fields,
    see: &mut dyn FnMut(&[i16], i64),
) -> Result<usize, Fault> {
    let mut walk = Walk {
        left: bytes,
        path: Vec::new(),
        depth: 0,
        see,
    };
    walk.fields(known)?;
    Ok(bytes.len() - walk.left.len())
}

struct Walk<'a> {
    left: &'a [u8],
    /// Field numbers from the outermost struct on.
    path: Vec<i16>,
    /// Structs and lists that are begun.
    depth: usize,
    see: &'a mut dyn FnMut(&[i16], i64),
}

impl Walk<'_> {
    fn fields(&mut self, known: &'static Fields) -> Result<(), Fault> {
        self.descend()?;
        let mut number = 0i16;
        loop {
            let byte = self.byte()?;
            let form = byte & 15;
            if form == 0 {
                self.depth -= 1;
                return Ok(());
            }
            number = match byte >> 4 {
                0 => i16::try_from(self.zigzag()?).ok(),
                distance => number.checked_add(i16::from(distance)),
            }
            .ok_or(Fault::Damaged)?;
            let field = known.iter().find(|(field, _)| *field == number);
            self.path.push(number);
            match (form, field.map(|(_, kind)| kind)) {
                // A boolean is its form.
                (1 | 2, None | Some(Kind::Boolean)) => {}
                (_, kind) => self.value(form, kind)?,
            }
            self.path.pop();
        }
    }

    fn value(&mut self, form: u8, kind: Option<&'static Kind>) -> Result<(), Fault> {
        match (form, kind) {
            (3, None | Some(Kind::Byte)) => self.bytes(1),
            (4..=6, None | Some(Kind::Number)) => {
                let value = self.zigzag()?;
                (self.see)(&self.path, value);
                Ok(())
            }
            (7, None | Some(Kind::Double)) => self.bytes(8),
            (8, None | Some(Kind::Bytes)) => {
                let length = usize::try_from(self.varint()?).map_err(|_| Fault::Damaged)?;
                (self.see)(&self.path, length as i64);
                self.bytes(length)
            }
            // A set is written as a list.
            (9 | 10, None) => self.list(None),
            (9 | 10, Some(Kind::List(part))) => self.list(Some(part)),
            (12, None) => self.fields(&[]),
            (12, Some(Kind::Struct(fields))) => self.fields(fields),
            _ => Err(Fault::Damaged),
        }
    }

    fn list(&mut self, part: Option<&'static Kind>) -> Result<(), Fault> {
        self.descend()?;
        let byte = self.byte()?;
        let length = match byte >> 4 {
            15 => self.varint()?,
            length => u64::from(length),
        };
        // Each part takes a byte or more.
        if length > self.left.len() as u64 {
            return Err(Fault::Short);
        }
        (self.see)(&self.path, length as i64);
        for _ in 0..length {
            self.value(byte & 15, part)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn descend(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        match self.depth > DEEPEST {
            true => Err(Fault::Damaged),
            false => Ok(()),
        }
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (&byte, rest) = self.left.split_first().ok_or(Fault::Short)?;
        self.left = rest;
        Ok(byte)
    }

    fn bytes(&mut self, bytes: usize) -> Result<(), Fault> {
        self.left = self.left.get(bytes..).ok_or(Fault::Short)?;
        Ok(())
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

    type Seen = Vec<(Vec<i16>, i64)>;

    /// Of each kind one; 20 is far behind the others.
    const KNOWN: &Fields = &[
        (1, Kind::Number),
        (2, Kind::List(&Kind::Struct(&[(5, Kind::Number)]))),
        (4, Kind::Bytes),
        (5, Kind::Boolean),
        (6, Kind::Byte),
        (7, Kind::Double),
        (20, Kind::Number),
    ];

    fn seen(bytes: &[u8], known: &'static Fields) -> Result<(usize, Seen), Fault> {
        let mut seen = Vec::new();
        let taken = walk(bytes, known, &mut |path, value| {
            seen.push((path.to_vec(), value));
        })?;
        Ok((taken, seen))
    }

    /// Field 1 is 0, field 2 a list of two structs with a 6 each as field 5, field 4 some text, 5 a boolean, 6 a byte, 7 eight of them,
    /// field 20 a -1.
    const STRUCT: [u8; 29] = [
        0x15, 0, 0x19, 0x2c, 0x55, 12, 0, 0x55, 12, 0, 0x28, 1, b'a', 0x11, 0x13, 9, 0x17, 0, 0, 0,
        0, 0, 0, 0, 0, 0x06, 40, 1, 0,
    ];

    #[test]
    fn numbers_and_lengths_are_shown_with_the_fields_that_lead_there() {
        let expected = vec![
            (vec![1], 0),
            (vec![2], 2),
            (vec![2, 5], 6),
            (vec![2, 5], 6),
            (vec![4], 1),
            (vec![20], -1),
        ];
        let mut followed = STRUCT.to_vec();
        followed.extend([9; 30]);
        for known in [KNOWN, &[]] {
            assert_eq!(seen(&followed, known), Ok((STRUCT.len(), expected.clone())));
        }
    }

    #[test]
    fn what_is_cut_short_is_told_apart_from_what_is_damaged() {
        for length in 0..STRUCT.len() {
            assert_eq!(
                seen(&STRUCT[..length], KNOWN),
                Err(Fault::Short),
                "{length}"
            );
        }
        let mut endless = vec![0x15];
        endless.extend([255; 12]);
        assert_eq!(seen(&endless, KNOWN), Err(Fault::Damaged));
    }

    #[test]
    fn a_known_field_of_another_kind_is_refused_wherever_it_is() {
        // Numbers, booleans, bytes, eight bytes, text, a list of none, a struct of none; each with zeros enough behind it.
        for (field, own) in [(1, 5), (4, 8), (5, 1), (6, 3), (7, 7)] {
            for form in [1, 3, 5, 7, 8, 9, 12] {
                let bytes = [&[field << 4 | form][..], &[0; 9]].concat();
                let walked = seen(&bytes, KNOWN);
                assert_eq!(walked.is_ok(), form == own, "{field} {form}");
                assert!(seen(&bytes, &[]).is_ok(), "unknown, {form}");
            }
        }
        // A list of numbers for one of structs, a boolean within such a struct, a struct for the list.
        for bytes in [
            &[0x29, 0x15, 0, 0][..],
            &[0x29, 0x1c, 0x51, 0, 0],
            &[0x2c, 0, 0],
        ] {
            assert_eq!(seen(bytes, KNOWN), Err(Fault::Damaged));
            assert!(seen(bytes, &[]).is_ok());
        }
        // A number of a field that sixteen bits do not hold: others cut it to 1.
        assert_eq!(
            seen(&[0x08, 0x82, 0x80, 8, 0, 0], KNOWN),
            Err(Fault::Damaged)
        );
    }

    #[test]
    fn a_list_of_more_parts_than_bytes_of_booleans_or_too_deep_is_refused() {
        let stated = |form: u8| [0x39, 0xf0 | form, 0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0];
        for form in [5, 7, 8, 9, 12] {
            assert_eq!(seen(&stated(form), KNOWN), Err(Fault::Short), "{form}");
        }
        for list in [[0x39, 0x21, 1, 1, 0], [0x3b, 1, 0x55, 2, 2]] {
            assert_eq!(seen(&list, KNOWN), Err(Fault::Damaged));
        }
        assert_eq!(seen(&[0x1c; 100], &[]), Err(Fault::Damaged));
        assert_eq!(seen(&[0x19; 100], &[]), Err(Fault::Damaged));
    }
}

//! `Accept-Encoding` → which stored form to send.

/// A form in which a file may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    /// The name in `Content-Encoding`; identity has none.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Encoding::Identity => None,
            Encoding::Gzip => Some("gzip"),
            Encoding::Brotli => Some("br"),
        }
    }

    /// What an entity tag ends with: two forms are two representations.
    pub fn tag(self) -> &'static str {
        match self {
            Encoding::Identity => "",
            Encoding::Gzip => "-gz",
            Encoding::Brotli => "-br",
        }
    }
}

/// Which compressed forms a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    pub brotli: bool,
    pub gzip: bool,
}

/// Reads the header; a weight of 0 refuses, `*` stands for all that is not named.
pub fn accepted(header: &str) -> Accepted {
    let (mut brotli, mut gzip, mut rest) = (None, None, false);
    for part in header.split(',') {
        let mut pieces = part.split(';');
        let name = pieces.next().unwrap_or_default().trim();
        let refused = pieces.any(|piece| {
            piece.trim().strip_prefix("q=").is_some_and(|weight| {
                weight
                    .trim()
                    .parse::<f32>()
                    .is_ok_and(|weight| weight <= 0.0)
            })
        });
        if name.eq_ignore_ascii_case("br") {
            brotli = Some(!refused);
        } else if name.eq_ignore_ascii_case("gzip") {
            gzip = Some(!refused);
        } else if name == "*" {
            rest = !refused;
        }
    }
    Accepted {
        brotli: brotli.unwrap_or(rest),
        gzip: gzip.unwrap_or(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_refuses_is_not_sent() {
        let read = |header| {
            let accepted = accepted(header);
            (accepted.brotli, accepted.gzip)
        };
        assert_eq!(read("gzip, deflate, br, zstd"), (true, true));
        assert_eq!(read("gzip;q=0.5, br;q=0"), (false, true));
        assert_eq!(read("*;q=0.1, gzip;q=0"), (true, false));
        assert_eq!(read("br; q=0.0, *"), (false, true));
        assert_eq!(read("identity"), (false, false));
        assert_eq!(read(""), (false, false));
    }
}

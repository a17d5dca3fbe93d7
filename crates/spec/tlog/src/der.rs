//! Just enough DER (X.690 8 and 10) to take a certificate apart and put it together again byte for byte.
//!
//! A library that decodes and encodes would normalise what it does not understand; a signature over the bytes forgives
//! nothing.

/// An element does not parse: cut short, an indefinite or overlong length, or a tag of more than one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// One element: its tag, its contents, and all its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) contents: &'a [u8],
    pub(crate) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads exactly one element with this tag.
    pub(crate) fn only(tag: u8, bytes: &'a [u8]) -> Result<&'a [u8], Malformed> {
        match take(bytes)? {
            (element, []) if element.tag == tag => Ok(element.contents),
            _ => Err(Malformed),
        }
    }

    /// Reads the elements that fill `bytes`.
    pub(crate) fn all(mut bytes: &'a [u8]) -> Result<Vec<Self>, Malformed> {
        let mut elements = Vec::new();
        while !bytes.is_empty() {
            let (element, rest) = take(bytes)?;
            elements.push(element);
            bytes = rest;
        }
        Ok(elements)
    }
}

/// Writes an element.
pub(crate) fn write(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let significant: Vec<u8> = length
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    let mut element = vec![tag];
    match significant.as_slice() {
        [] => element.push(0),
        [short @ ..=0x7f] => element.push(*short),
        long => {
            element.push(0x80 | u8::try_from(long.len()).expect("a length has at most 8 bytes"));
            element.extend_from_slice(long);
        }
    }
    element.extend_from_slice(contents);
    element
}

fn take(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), Malformed> {
    let (&[tag, first], rest) = bytes.split_first_chunk().ok_or(Malformed)?;
    if tag & 0x1f == 0x1f {
        return Err(Malformed);
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Four bytes of length are more than any limit here lets through.
        0x81..=0x84 => {
            let (length, rest) = rest
                .split_at_checked(usize::from(first & 0x7f))
                .ok_or(Malformed)?;
            let value = length
                .iter()
                .fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
            if length.first() == Some(&0) || value < 0x80 {
                return Err(Malformed);
            }
            (usize::try_from(value).map_err(|_| Malformed)?, rest)
        }
        _ => return Err(Malformed),
    };
    let (contents, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
    let whole = bytes
        .get(..bytes.len() - rest.len())
        .expect("the rest is a tail of the bytes");
    Ok((
        Element {
            tag,
            contents,
            whole,
        },
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_have_one_form() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let contents = vec![7; length];
            let element = write(OCTET_STRING, &contents);
            assert_eq!(
                Element::only(OCTET_STRING, &element),
                Ok(contents.as_slice())
            );
            assert_eq!(Element::only(SEQUENCE, &element), Err(Malformed));
        }
        for wrong in [
            &[0x04, 0x81, 0x01, 0][..],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x80, 0, 0],
            &[0x04, 0x85, 0, 0, 0, 0, 0],
            &[0x1f, 0x01, 0],
            &[0x04],
            &[0x04, 2, 0],
            &[0x04, 0, 0],
            &[],
        ] {
            assert_eq!(
                Element::only(OCTET_STRING, wrong),
                Err(Malformed),
                "{wrong:x?}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_parses_is_written_back_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(elements) = Element::all(&bytes) {
                let again: Vec<u8> = elements.iter().flat_map(|e| write(e.tag, e.contents)).collect();
                prop_assert_eq!(&again, &bytes);
                prop_assert_eq!(elements.iter().map(|e| e.whole).collect::<Vec<_>>().concat(), bytes);
            }
        }
    }
}

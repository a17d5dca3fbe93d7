//! As much DER as these services write and read.

/// Tag, content.
type Element<'a> = (u8, &'a [u8]);

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const SEQUENCE: u8 = 0x30;

/// One element.
pub(super) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(u8::try_from(length).expect("it is below 128"));
    } else {
        let bytes = length.to_be_bytes();
        let used = bytes.len() - bytes.iter().take_while(|&&byte| byte == 0).count();
        out.push(0x80 | u8::try_from(used).expect("at most eight"));
        out.extend_from_slice(&bytes[bytes.len() - used..]);
    }
    out.extend_from_slice(content);
    out
}

pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

/// SET OF, in DER's order.
pub(super) fn set(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    tlv(0x31, &parts.concat())
}

/// `[number] EXPLICIT`, or a constructed `[number] IMPLICIT`.
pub(super) fn tagged(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, content)
}

/// `[number] IMPLICIT` of a primitive type.
pub(super) fn primitive(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0x80 | number, content)
}

/// A positive INTEGER.
pub(super) fn integer(big_endian: &[u8]) -> Vec<u8> {
    let zeros = big_endian.iter().take_while(|&&byte| byte == 0).count();
    let mut content = big_endian[zeros..].to_vec();
    if content.first().is_none_or(|first| first & 0x80 != 0) {
        content.insert(0, 0);
    }
    tlv(INTEGER, &content)
}

pub(super) fn boolean(value: bool) -> Vec<u8> {
    tlv(BOOLEAN, &[if value { 0xff } else { 0 }])
}

pub(super) fn null() -> Vec<u8> {
    vec![0x05, 0]
}

pub(super) fn octets(content: &[u8]) -> Vec<u8> {
    tlv(0x04, content)
}

pub(super) fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// A BIT STRING of whole bytes.
pub(super) fn bits(content: &[u8]) -> Vec<u8> {
    tlv(BIT_STRING, &[&[0], content].concat())
}

/// An OBJECT IDENTIFIER written with dots.
pub(super) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u32> = dotted
        .split('.')
        .map(|arc| arc.parse().expect("arcs are numbers"))
        .collect();
    let mut content = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let mut shift = 28;
        while shift > 0 && arc >> shift == 0 {
            shift -= 7;
        }
        while shift > 0 {
            content.push(0x80 | u8::try_from(arc >> shift & 0x7f).expect("seven bits"));
            shift -= 7;
        }
        content.push(u8::try_from(arc & 0x7f).expect("seven bits"));
    }
    tlv(0x06, &content)
}

/// Takes the first element of `input`. `None`: it is not DER.
pub(super) fn take<'a>(input: &mut &'a [u8]) -> Option<Element<'a>> {
    let bytes = *input;
    let (&tag, &first) = (bytes.first()?, bytes.get(1)?);
    let (length, start) = if first < 0x80 {
        (usize::from(first), 2)
    } else {
        let count = usize::from(first & 0x7f);
        let digits = bytes.get(2..2 + count)?;
        if count == 0 || count > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0, |sum, &digit| sum << 8 | usize::from(digit));
        (length, 2 + count)
    };
    let content = bytes.get(start..start.checked_add(length)?)?;
    *input = &bytes[start + length..];
    Some((tag, content))
}

/// Takes the first element, which must have the tag, and returns its content.
pub(super) fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    take(input).and_then(|(found, content)| (found == tag).then_some(content))
}

/// Takes the first element with its tag and length.
pub(super) fn whole<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let before = *input;
    take(input)?;
    Some(&before[..before.len() - input.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_and_lengths_are_those_of_x_690() {
        assert_eq!(
            oid("1.3.6.1.4.1.57264.1.8"),
            hex::decode("060a2b0601040183bf300108").expect("it is hexadecimal")
        );
        assert_eq!(tlv(4, &[7; 200])[..3], [4, 0x81, 200]);
        assert_eq!(tlv(4, &[7; 300])[..4], [4, 0x82, 1, 44]);
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        let bytes = tlv(4, &[7; 300]);
        let mut input = bytes.as_slice();
        assert_eq!(expect(&mut input, 4), Some([7; 300].as_slice()));
        assert!(input.is_empty());
    }
}

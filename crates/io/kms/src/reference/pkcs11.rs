//! URIs of keys on tokens (RFC 7512, with cosign's `slot-id`).

use zeroize::Zeroizing;

use super::ReferenceError;

/// The attribute whose value is a secret.
const PIN: &str = "pin-value";

/// A `pkcs11:` URI that names one key: everything in it must fit.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Pkcs11Uri {
    /// `token`: the token's label.
    pub token: Option<String>,
    /// `serial`: the token's serial number.
    pub serial: Option<String>,
    /// `manufacturer`: the token's manufacturer.
    pub manufacturer: Option<String>,
    /// `model`: the token's model.
    pub model: Option<String>,
    /// `slot-id`: the slot's number.
    pub slot_id: Option<u64>,
    /// `object`: the key's label.
    pub object: Option<String>,
    /// `id`: the key's identifier.
    pub id: Option<Vec<u8>>,
    /// `module-path`: the library to load.
    pub module_path: Option<String>,
    /// `pin-value`.
    pub pin_value: Option<Zeroizing<String>>,
    /// `pin-source`: a file with the PIN, as a path or `file:` URI.
    pub pin_source: Option<String>,
}

impl Pkcs11Uri {
    const FORM: &'static str = "pkcs11:token=T;slot-id=N;object=O;id=%aa?module-path=M&pin-value=P, with token or slot-id and object or id";

    /// Reads what stands after `pkcs11:`.
    pub(super) fn parse(rest: &str) -> Result<Self, ReferenceError> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        for (name, value) in attributes(path, &[';'])? {
            uri.set_path_attribute(name, value)?;
        }
        for (name, value) in attributes(query, &['&', ';'])? {
            uri.set_query_attribute(name, value)?;
        }
        let names_token = uri.token.is_some() || uri.slot_id.is_some() || uri.serial.is_some();
        let names_key = uri.object.is_some() || uri.id.is_some();
        if names_token && names_key {
            return Ok(uri);
        }
        Err(ReferenceError::Form {
            // The query may hold a PIN.
            reference: format!("pkcs11:{path}"),
            form: Self::FORM,
        })
    }

    fn set_path_attribute(&mut self, name: &str, value: Vec<u8>) -> Result<(), ReferenceError> {
        match name {
            "id" => put(&mut self.id, name, value),
            "slot-id" => {
                let number = text(name, value)?
                    .parse()
                    .map_err(|_| fault(name, "not a number"))?;
                put(&mut self.slot_id, name, number)
            }
            "token" => put(&mut self.token, name, text(name, value)?),
            "serial" => put(&mut self.serial, name, text(name, value)?),
            "manufacturer" => put(&mut self.manufacturer, name, text(name, value)?),
            "model" => put(&mut self.model, name, text(name, value)?),
            "object" => put(&mut self.object, name, text(name, value)?),
            "type" if value == b"private" => Ok(()),
            "type" => Err(fault(name, "only private keys sign")),
            // RFC 7512 2.3: with a path attribute that is not understood, nothing matches.
            _ => Err(fault(name, "unknown")),
        }
    }

    fn set_query_attribute(&mut self, name: &str, value: Vec<u8>) -> Result<(), ReferenceError> {
        match name {
            "module-path" => put(&mut self.module_path, name, text(name, value)?),
            "pin-source" => put(&mut self.pin_source, name, text(name, value)?),
            PIN => put(&mut self.pin_value, name, text(name, value)?.into()),
            // RFC 7512 2.4: query attributes that are not understood may be passed over.
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Pkcs11Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pkcs11Uri")
            .field("token", &self.token)
            .field("slot_id", &self.slot_id)
            .field("object", &self.object)
            .field("id", &self.id)
            .field("module_path", &self.module_path)
            .finish_non_exhaustive()
    }
}

fn fault(attribute: &str, fault: &'static str) -> ReferenceError {
    ReferenceError::Pkcs11 {
        attribute: attribute.to_owned(),
        fault,
    }
}

fn put<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), ReferenceError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(fault(name, "occurs twice")),
    }
}

fn text(name: &str, value: Vec<u8>) -> Result<String, ReferenceError> {
    String::from_utf8(value).map_err(|_| fault(name, "not UTF-8"))
}

/// Names and percent-decoded values; an empty value is as good as none, as it is to cosign.
fn attributes<'a>(
    part: &'a str,
    separators: &[char],
) -> Result<Vec<(&'a str, Vec<u8>)>, ReferenceError> {
    let mut found = Vec::new();
    for attribute in part.split(separators).filter(|text| !text.is_empty()) {
        let (name, value) = attribute.split_once('=').ok_or_else(|| {
            // The rest of what begins so may be the PIN itself.
            let is_pin = attribute.contains("pin");
            fault(if is_pin { PIN } else { attribute }, "no value")
        })?;
        let value = percent_decode(value).ok_or_else(|| fault(name, "bad percent-encoding"))?;
        // After a wrong separator it would be shown as a part of this value.
        if value.windows(PIN.len()).any(|part| part == PIN.as_bytes()) {
            return Err(fault(
                name,
                "it has a PIN in it: pin-value stands by itself, after ?",
            ));
        }
        if !value.is_empty() {
            found.push((name, value));
        }
    }
    Ok(found)
}

/// RFC 3986 2.1; a `+` is a plus.
fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let mut value = [0];
                hex::decode_to_slice(digits, &mut value).ok()?;
                value[0]
            }
            other => other,
        });
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_read() {
        let uri = Pkcs11Uri::parse(
            "token=my%20token;slot-id=7;serial=1;manufacturer=m;model=n;id=%aa%BB;object=a+b;type=private\
             ?module-path=/usr/lib/m.so&pin-value=12%2634&pin-source=file:/pin&x=y",
        )
        .unwrap();
        assert_eq!(
            uri,
            Pkcs11Uri {
                token: Some("my token".to_owned()),
                serial: Some("1".to_owned()),
                manufacturer: Some("m".to_owned()),
                model: Some("n".to_owned()),
                slot_id: Some(7),
                object: Some("a+b".to_owned()),
                id: Some(vec![0xaa, 0xbb]),
                module_path: Some("/usr/lib/m.so".to_owned()),
                pin_value: Some("12&34".to_owned().into()),
                pin_source: Some("file:/pin".to_owned()),
            }
        );
        assert!(!format!("{uri:?}").contains("34"));
    }

    #[test]
    fn a_pin_in_a_wrong_place_is_not_shown() {
        for broken in [
            "token=t&pin-value=1234",
            "token=t;object=o&pin-value=1234",
            "token=t;object=o%26pin%2dvalue=1234",
            "token=t;object=o;pin-value=1234",
            "token=t;object=o;pin-value:1234",
            "token=t;object=o?pin-value:1234",
            "token=t;object=o?module-path=/m?pin-value=1234",
        ] {
            let error = Pkcs11Uri::parse(broken).unwrap_err();
            assert!(matches!(error, ReferenceError::Pkcs11 { .. }), "{broken}");
            assert!(!format!("{error:?} {error}").contains("1234"), "{error}");
        }
    }

    #[test]
    fn a_uri_that_names_no_single_key_is_refused() {
        for broken in [
            "",
            "token=t",
            "object=o",
            "token=;object=o",
            "token=t;object=",
        ] {
            match Pkcs11Uri::parse(&format!("{broken}?pin-value=hidden")) {
                Err(ReferenceError::Form { reference, .. }) => {
                    assert!(!reference.contains("hidden"), "{reference}");
                }
                other => panic!("{broken}: {other:?}"),
            }
        }
        for (broken, attribute) in [
            ("token=t;token=u;object=o", "token"),
            ("token=t;object=%zz", "object"),
            ("token=t;object=%a", "object"),
            ("token=t;object=%ff", "object"),
            ("slot-id=x;object=o", "slot-id"),
            ("slot-id=-1;object=o", "slot-id"),
            ("token=t;object=o;type=cert", "type"),
            ("token=t;object=o;x-vendor=1", "x-vendor"),
            ("token=t;object", "object"),
        ] {
            match Pkcs11Uri::parse(broken) {
                Err(ReferenceError::Pkcs11 {
                    attribute: found, ..
                }) => {
                    assert_eq!(found, attribute, "{broken}");
                }
                other => panic!("{broken}: {other:?}"),
            }
        }
    }
}

//! From a raw path to what is asked for. GUNs and roles hold slashes, so the path is split at Notary's own word.

use pki::digest::Sha256;
use tuf::{Gun, Role};

/// The segment that ends a GUN.
const TRUST: &str = "/_trust/";
const HEALTH: &str = "/_notary_server/health";

/// Whether a raw path (undecoded, without the query) is the trust server's.
///
/// Not `/v2/` itself, which the trust server would answer as the registry does.
#[must_use]
pub fn claims(path: &str) -> bool {
    path == HEALTH || (path.starts_with("/v2/") && path.contains(TRUST))
}

/// What a path names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// `/v2/`
    Base,
    /// `/v2/_trust/changefeed` or `/v2/<gun>/_trust/changefeed`
    Changes(Option<Gun>),
    /// `/_notary_server/health`
    Health,
    /// `/v2/<gun>/_trust/tuf/<role>.<sha256>.json`
    RoleByHash(Gun, Role, Sha256),
    /// `/v2/<gun>/_trust/tuf/<version>.<role>.json`
    RoleByVersion(Gun, Role, u64),
    /// `/v2/<gun>/_trust/tuf/<role>.json`
    Role(Gun, Role),
    /// `/v2/<gun>/_trust/tuf/<role>.key`
    Key(Gun, Role),
    /// `/v2/<gun>/_trust/tuf/`
    Gun(Gun),
    /// As [`Route::Gun`], but of what cannot be a GUN.
    InvalidGun,
}

impl Route {
    /// Reads a path; none if it names nothing.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        match path {
            "/v2/" | "/v2" => return Some(Self::Base),
            "/v2/_trust/changefeed" => return Some(Self::Changes(None)),
            HEALTH => return Some(Self::Health),
            _ => {}
        }
        let (gun, rest) = path.strip_prefix("/v2/")?.split_once(TRUST)?;
        let gun = Gun::parse(&decode(gun)?);
        if rest == "tuf/" {
            return Some(gun.map_or(Self::InvalidGun, Self::Gun));
        }
        let gun = gun.ok()?;
        if rest == "changefeed" {
            return Some(Self::Changes(Some(gun)));
        }
        let file = decode(rest.strip_prefix("tuf/")?)?;
        if let Some(role) = file.strip_suffix(".key") {
            return Some(Self::Key(gun, Role::parse(role).ok()?));
        }
        let stem = file.strip_suffix(".json")?;
        let Some((left, right)) = stem.split_once('.') else {
            return Some(Self::Role(gun, Role::parse(stem).ok()?));
        };
        if left.bytes().all(|byte| byte.is_ascii_digit()) {
            let (version, role) = (left.parse().ok()?, Role::parse(right).ok()?);
            return Some(Self::RoleByVersion(gun, role, version));
        }
        let sha256 = Sha256::parse_hex(&right.to_ascii_lowercase()).ok()?;
        Some(Self::RoleByHash(gun, Role::parse(left).ok()?, sha256))
    }

    /// The GUN, if the route has one.
    pub(crate) fn gun(&self) -> Option<&Gun> {
        match self {
            Self::RoleByHash(gun, ..)
            | Self::RoleByVersion(gun, ..)
            | Self::Role(gun, _)
            | Self::Key(gun, _)
            | Self::Gun(gun) => Some(gun),
            Self::Changes(gun) => gun.as_ref(),
            Self::Base | Self::Health | Self::InvalidGun => None,
        }
    }

    /// The methods, as the header `Allow` lists them.
    pub(crate) fn allow(&self) -> &'static str {
        match self {
            Self::Gun(_) | Self::InvalidGun => "DELETE, POST",
            Self::Key(..) => "GET, HEAD, POST",
            _ => "GET, HEAD",
        }
    }
}

/// Resolves `%XX`; none if an escape is broken or the result is no UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use pki::digest::Sha256;
    use tuf::{Gun, Role};

    use super::{Route, claims};

    fn gun(text: &str) -> Gun {
        Gun::parse(text).unwrap()
    }

    fn role(text: &str) -> Role {
        Role::parse(text).unwrap()
    }

    #[test]
    fn every_path_of_the_protocol_is_read() {
        let parse = |path: &str| Route::parse(path).unwrap();
        assert_eq!(parse("/v2/"), Route::Base);
        assert_eq!(parse("/_notary_server/health"), Route::Health);
        assert_eq!(parse("/v2/_trust/changefeed"), Route::Changes(None));
        assert_eq!(
            parse("/v2/a/b/_trust/changefeed"),
            Route::Changes(Some(gun("a/b")))
        );
        assert_eq!(parse("/v2/a/_trust/tuf/"), Route::Gun(gun("a")));
        assert_eq!(
            parse("/v2/a:5000/B%20c/%c3%a9/_trust/tuf/root.json"),
            Route::Role(gun("a:5000/B c/é"), Role::Root)
        );
        assert_eq!(
            parse("/v2/a/_trust/tuf/targets/releases.json"),
            Route::Role(gun("a"), role("targets/releases"))
        );
        assert_eq!(
            parse("/v2/a/_trust/tuf/timestamp.key"),
            Route::Key(gun("a"), Role::Timestamp)
        );
        assert_eq!(
            parse("/v2/a/_trust/tuf/007.root.json"),
            Route::RoleByVersion(gun("a"), Role::Root, 7)
        );
        let sha256 = Sha256::of(b"");
        for digest in [sha256.to_string(), sha256.to_string().to_uppercase()] {
            assert_eq!(
                parse(&format!("/v2/a/_trust/tuf/targets/a.{digest}.json")),
                Route::RoleByHash(gun("a"), role("targets/a"), sha256)
            );
        }
    }

    #[test]
    fn what_is_no_path_of_the_protocol_names_nothing() {
        let sha512 = "0".repeat(128);
        for bad in [
            "/",
            "/v2/a/_trust/",
            "/v2/a/_trust/tuf",
            "/v2/a/_trust/tuf/mirrors.json",
            "/v2/a/_trust/tuf/root",
            "/v2/a/_trust/tuf/root.json/",
            "/v2/a/_trust/tuf/targets/A.json",
            "/v2/a/_trust/tuf/root.00.json",
            &format!("/v2/a/_trust/tuf/root.{sha512}.json"),
            "/v2/a/_trust/tuf/99999999999999999999.root.json",
            "/v2/a/_trust/tuf/.root.json",
            "/v2/a/_trust/tuf/1.2.root.json",
            "/v2/a/../b/_trust/tuf/root.json",
            "/v2/a//b/_trust/tuf/root.json",
            "/v2/a%2/_trust/tuf/root.json",
            "/v2/a%zz/_trust/tuf/root.json",
            "/v2/a%ff/_trust/tuf/root.json",
            "/v2/a*/_trust/tuf/root.json",
            "/v2/_trust/tuf/root.json",
            "/v2/a/_trust/b/_trust/tuf/root.json",
        ] {
            assert_eq!(Route::parse(bad), None, "{bad}");
        }
        assert_eq!(
            Route::parse("/v2/a%2A/_trust/tuf/"),
            Some(Route::InvalidGun)
        );
    }

    #[test]
    fn only_trust_paths_are_claimed() {
        assert!(claims("/v2/a/_trust/tuf/root.json") && claims("/v2/_trust/changefeed"));
        assert!(claims("/_notary_server/health"));
        assert!(!claims("/v2/") && !claims("/v2/a/tags/list") && !claims("/x/_trust/"));
    }
}

use std::{fmt, net::IpAddr};

use url::{Host, Url};

use crate::{
    error::{Error, ProxyFault},
    redact,
};

/// The proxy settings, given by the caller in the words of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. This crate
/// reads no environment. Loopback addresses and `localhost` never go through a proxy.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For `https` addresses: `http://[user:password@]host:port`, or `host:port`. Empty means unset.
    pub https: Option<String>,
    /// For `http` addresses.
    pub http: Option<String>,
    /// Comma-separated exceptions, as Go's `httpproxy` reads them: `*`, an address, a range `10.0.0.0/8`, a domain
    /// with its sub-domains `example.com`, sub-domains only `.example.com`, each with an optional `:port`.
    pub exceptions: Option<String>,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &Option<String>| {
            text.as_deref()
                .map(|text| parse(text).map(|url| redact::redacted_url(&url)))
        };
        f.debug_struct("Proxies")
            .field("https", &shown(&self.https))
            .field("http", &shown(&self.http))
            .field("exceptions", &self.exceptions)
            .finish()
    }
}

/// [`Proxies`] after reading.
#[derive(Clone)]
pub(crate) struct Selector {
    https: Option<Url>,
    http: Option<Url>,
    exceptions: Vec<Exception>,
}

impl Selector {
    pub(crate) fn new(proxies: &Proxies) -> Result<Self, Error> {
        let exceptions = proxies.exceptions.as_deref().unwrap_or_default();
        Ok(Self {
            https: proxies.https.as_deref().and_then(parse_set).transpose()?,
            http: proxies.http.as_deref().and_then(parse_set).transpose()?,
            exceptions: exceptions
                .split(',')
                .filter_map(|entry| Exception::parse(entry.trim()))
                .collect(),
        })
    }

    /// The proxy for this address, or `None` to dial it directly.
    pub(crate) fn select(&self, url: &Url) -> Option<&Url> {
        let proxy = if url.scheme() == "https" {
            self.https.as_ref()
        } else {
            self.http.as_ref()
        }?;
        let direct = is_loopback(url)
            || self
                .exceptions
                .iter()
                .any(|exception| exception.matches(url));
        (!direct).then_some(proxy)
    }
}

#[derive(Clone)]
struct Exception {
    kind: ExceptionKind,
    port: Option<u16>,
}

#[derive(Clone)]
enum ExceptionKind {
    Address(IpAddr),
    All,
    /// Without the leading dot.
    Domain {
        name: String,
        itself: bool,
    },
    Range(IpAddr, u8),
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        if entry.is_empty() {
            return None;
        }
        if entry == "*" {
            return Some(Self {
                kind: ExceptionKind::All,
                port: None,
            });
        }
        if let Some((address, bits)) = entry.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits: u8 = bits.parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self {
                kind: ExceptionKind::Range(address, bits),
                port: None,
            });
        }
        let (host, port) = match entry.rsplit_once(':') {
            // An IPv6 address without brackets has colons of its own.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().ok()?))
            }
            _ => (entry, None),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let kind = match bare.parse() {
            Ok(address) => ExceptionKind::Address(address),
            Err(_) => {
                let name = host.strip_prefix('*').unwrap_or(host);
                let below = name.strip_prefix('.');
                ExceptionKind::Domain {
                    name: below.unwrap_or(name).to_ascii_lowercase(),
                    itself: below.is_none(),
                }
            }
        };
        Some(Self { kind, port })
    }

    fn matches(&self, url: &Url) -> bool {
        if self.port.is_some() && self.port != url.port_or_known_default() {
            return false;
        }
        match (&self.kind, url.host()) {
            (ExceptionKind::All, _) => true,
            (ExceptionKind::Address(address), Some(host)) => ip_of(&host) == Some(*address),
            (ExceptionKind::Range(address, bits), Some(host)) => {
                ip_of(&host).is_some_and(|ip| in_range(ip, *address, *bits))
            }
            (ExceptionKind::Domain { name, itself }, Some(Host::Domain(host))) => {
                match host.strip_suffix(name.as_str()) {
                    Some("") => *itself,
                    Some(rest) => rest.ends_with('.'),
                    None => false,
                }
            }
            _ => false,
        }
    }
}

/// Whether the host is this machine by its name or address; nothing is resolved.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(host) => ip_of(&host).is_some_and(|ip| ip.to_canonical().is_loopback()),
        None => false,
    }
}

fn ip_of(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some(IpAddr::V4(*ip)),
        Host::Ipv6(ip) => Some(IpAddr::V6(*ip)),
    }
}

fn in_range(ip: IpAddr, range: IpAddr, bits: u8) -> bool {
    let (ip, range, width) = match (ip, range) {
        (IpAddr::V4(ip), IpAddr::V4(range)) => {
            (u128::from(u32::from(ip)), u128::from(u32::from(range)), 32)
        }
        (IpAddr::V6(ip), IpAddr::V6(range)) => (u128::from(ip), u128::from(range), 128),
        _ => return false,
    };
    let ignored = width - u32::from(bits);
    ip.checked_shr(ignored).unwrap_or(0) == range.checked_shr(ignored).unwrap_or(0)
}

fn parse_set(text: &str) -> Option<Result<Url, Error>> {
    (!text.is_empty()).then(|| {
        parse(text).ok_or_else(|| Error::Proxy {
            proxy: redact::redacted_text(text),
            reason: ProxyFault::Url,
        })
    })
}

/// Like curl and Go, an address without a scheme is an `http` one.
fn parse(text: &str) -> Option<Url> {
    let url = match Url::parse(text) {
        Ok(url) if url.has_host() => url,
        _ => Url::parse(&format!("http://{text}")).ok()?,
    };
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direct(exceptions: &str, url: &str) -> bool {
        let proxies = Proxies {
            https: Some("http://proxy:1".to_owned()),
            http: Some("proxy:2".to_owned()),
            exceptions: Some(exceptions.to_owned()),
        };
        Selector::new(&proxies)
            .unwrap()
            .select(&Url::parse(url).unwrap())
            .is_none()
    }

    #[test]
    fn loopback_is_never_proxied() {
        for url in [
            "https://localhost/",
            "http://a.localhost:5000/",
            "https://127.0.0.1/",
            "https://127.9.9.9/",
            "https://[::1]/",
        ] {
            assert!(direct("", url), "{url}");
        }
        assert!(direct("", "https://[::ffff:127.0.0.1]/"));
        assert!(!direct("", "https://localhost.example/"));
    }

    #[test]
    fn exceptions_as_go_reads_them() {
        for (exceptions, url, expected) in [
            ("*", "https://1.2.3.4/", true),
            ("example.com", "https://example.com/", true),
            ("example.com", "https://a.example.com/", true),
            ("example.com", "https://notexample.com/", false),
            (".example.com", "https://example.com/", false),
            (".example.com", "https://a.example.com/", true),
            ("*.example.com", "https://a.example.com/", true),
            (" a.com , EXAMPLE.com ", "https://example.com/", true),
            ("example.com:8443", "https://example.com/", false),
            ("example.com:8443", "https://example.com:8443/", true),
            ("10.0.0.0/8", "https://10.200.3.4/", true),
            ("10.0.0.0/8", "https://11.0.0.1/", false),
            ("0.0.0.0/0", "https://11.0.0.1/", true),
            ("10.0.0.0/33", "https://10.0.0.0/", false),
            ("fd00::/8", "https://[fd12::1]/", true),
            ("fd00::1", "https://[fd00::1]/", true),
            ("[fd00::1]:5000", "https://[fd00::1]:5000/", true),
            ("[fd00::1]:5000", "https://[fd00::1]/", false),
            ("10.1.1.1", "https://10.1.1.1/", true),
            ("", "https://example.com/", false),
        ] {
            assert_eq!(direct(exceptions, url), expected, "{exceptions} {url}");
        }
    }

    #[test]
    fn the_scheme_chooses_and_empty_is_unset() {
        let proxies = Proxies {
            https: Some("http://p:1".to_owned()),
            http: Some(String::new()),
            exceptions: None,
        };
        let selector = Selector::new(&proxies).unwrap();
        let select = |url| selector.select(&Url::parse(url).unwrap()).map(Url::as_str);
        assert_eq!(select("https://example.com/"), Some("http://p:1/"));
        assert_eq!(select("http://example.com/"), None);
        let bad = Proxies {
            https: Some("socks5://u:s3cret@p:1".to_owned()),
            ..Proxies::default()
        };
        let error = Selector::new(&bad).err().unwrap();
        assert!(
            matches!(
                &error,
                Error::Proxy {
                    reason: ProxyFault::Url,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(!error.to_string().contains("s3cret"));
    }
}

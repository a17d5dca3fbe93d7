//! Who signs, and who else attests to it: what all commands that sign have in common.

use std::path::PathBuf;

use kms::ServiceReference;
use pki::signing::{KeyAlgorithm, SigningKey};
use sigstore::trust::TrustedRoot;
use zeroize::Zeroizing;

use super::error::Error;
use super::flags::{
    CERTIFICATE, CERTIFICATE_CHAIN, FULCIO_AUTH_FLOW, FULCIO_URL, IDENTITY_TOKEN,
    INSECURE_SKIP_VERIFY, ISSUE_CERTIFICATE, KEY, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET_FILE,
    OIDC_DISABLE_AMBIENT, OIDC_ISSUER, OIDC_PROVIDER, OIDC_REDIRECT_URL, REKOR_URL,
    SIGNING_ALGORITHM, SIGNING_ALGORITHMS, SIGNING_CONFIG, TIMESTAMP_CLIENT_CACERT,
    TIMESTAMP_CLIENT_CERT, TIMESTAMP_CLIENT_KEY, TIMESTAMP_SERVER_NAME, TIMESTAMP_SERVER_URL,
    TLOG_UPLOAD, TRUSTED_ROOT, USE_SIGNING_CONFIG, YES,
};
use super::{Context, conflicts, files, given, keys, registry, verification};
use crate::cobra::{Flag, Matches};

/// All that the flags say.
#[derive(Debug)]
pub struct PartyOptions {
    /// Whose key it is.
    pub who: Who,
    /// A certificate for the key, given by the user.
    pub certificate: Option<GivenCertificate>,
    /// Which services to use.
    pub services: ServiceOptions,
    /// How to get an identity token.
    pub identity: IdentityOptions,
    /// `--trusted-root`.
    pub trusted_root: Option<TrustedRoot>,
    /// Whom the environment names one by one (`SIGSTORE_ROOT_FILE` and its siblings).
    pub named_trust: TrustedRoot,
    /// `--insecure-skip-verify`: the certificate's promise of a log is not checked before signing.
    pub skip_sct: bool,
}

/// Whose key signs.
pub enum Who {
    /// A key at hand.
    Key(Box<SigningKey>),
    /// A key at hand that is to be certified (`--issue-certificate`).
    CertifiedKey(Box<SigningKey>),
    /// A key that a service keeps.
    Service(Box<ServiceReference>),
    /// An ephemeral key of this kind, certified for whoever the token names.
    Identity(KeyAlgorithm),
}

/// `--certificate` and `--certificate-chain`, PEM.
#[derive(Debug)]
pub struct GivenCertificate {
    /// As the user named it.
    pub path: String,
    /// The key's own.
    pub leaf: Vec<u8>,
    /// Its issuers', if given.
    pub chain: Option<Vec<u8>>,
}

/// Which services to use. The default is none.
#[derive(Clone, Debug, Default)]
pub struct ServiceOptions {
    /// Where the list of services comes from.
    pub config: ConfigSource,
    /// `--fulcio-url`.
    pub authority: Option<String>,
    /// `--oidc-issuer`.
    pub identity_provider: Option<String>,
    /// `--rekor-url`.
    pub log: Option<String>,
    /// `--timestamp-server-url`.
    pub timestamps: Option<String>,
    /// How to speak TLS with it.
    pub timestamps_tls: Option<net::Tls>,
    /// `--tlog-upload`: `None` unless given.
    pub log_wanted: Option<bool>,
}

/// Where a signing configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConfigSource {
    /// Nowhere.
    #[default]
    None,
    /// `--signing-config`.
    File(PathBuf),
    /// The initialised TUF root.
    Initialised,
}

/// How to get an identity token.
#[derive(Clone, Debug, Default)]
pub struct IdentityOptions {
    /// `--identity-token`: the token, or its file.
    pub token: Option<Zeroizing<String>>,
    /// `--oidc-provider`.
    pub provider: Option<String>,
    /// Not `--oidc-disable-ambient-providers`.
    pub ambient: bool,
    /// `--fulcio-auth-flow`.
    pub flow: Option<Flow>,
    /// `--oidc-client-id`.
    pub client_id: String,
    /// Of `--oidc-client-secret-file`.
    pub client_secret: Option<Zeroizing<String>>,
    /// `--oidc-redirect-url`.
    pub redirect: Option<String>,
    /// Questions are answered with yes.
    pub yes: bool,
}

/// How to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// In a browser on this machine.
    Browser,
    /// With a code, on another machine.
    Device,
    /// With the given token.
    Token,
    /// As the client itself.
    ClientCredentials,
}

impl PartyOptions {
    /// Reads the flags of [`super::flags::SIGNING`] and unlocks the key, which may ask for its password.
    ///
    /// # Errors
    /// Conflicting flags, unreadable files, a key that stays locked.
    pub(crate) fn of(context: &Context<'_>, matches: &Matches) -> Result<Self, Error> {
        conflicts::check_signing(matches)?;
        keys::refuse_security_key(matches)?;
        let key = given(matches, &KEY);
        let certificate = certificate(context, matches)?;
        if key.is_none() && certificate.is_some() {
            return Err(Error::Required {
                flag: KEY.name,
                why: "the key of --certificate",
            });
        }
        let services = services(context, matches, key.is_some())?;
        let identity = identity(context, matches)?;
        let trusted_root = match given(matches, &TRUSTED_ROOT) {
            Some(path) => Some(verification::trusted_root(context, path)?),
            None => None,
        };
        let named_trust = verification::trust_of_environment(context)?;
        // Last: it may ask for the password.
        let who = match key {
            None => Who::Identity(algorithm(matches)?),
            Some(reference) => match keys::place(reference)? {
                keys::Place::Service(service) => Who::Service(service),
                keys::Place::Readable => {
                    let key = Box::new(keys::private(context, reference)?);
                    if matches.on(&ISSUE_CERTIFICATE) {
                        Who::CertifiedKey(key)
                    } else {
                        Who::Key(key)
                    }
                }
            },
        };
        Ok(Self {
            who,
            certificate,
            services,
            identity,
            trusted_root,
            named_trust,
            skip_sct: matches.on(&INSECURE_SKIP_VERIFY),
        })
    }
}

fn path(context: &Context<'_>, matches: &Matches, flag: &'static Flag) -> Option<PathBuf> {
    given(matches, flag).map(|path| context.session.process.resolve(path.as_ref()))
}

fn certificate(
    context: &Context<'_>,
    matches: &Matches,
) -> Result<Option<GivenCertificate>, Error> {
    let read = |flag| files::named_pem(context.session.process, matches, flag);
    match (read(&CERTIFICATE)?, read(&CERTIFICATE_CHAIN)?) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Error::Required {
            flag: CERTIFICATE.name,
            why: "the certificate that --certificate-chain belongs to",
        }),
        (Some(leaf), chain) => Ok(Some(GivenCertificate {
            path: given(matches, &CERTIFICATE).unwrap_or_default().to_owned(),
            leaf,
            chain,
        })),
    }
}

fn services(
    context: &Context<'_>,
    matches: &Matches,
    with_key: bool,
) -> Result<ServiceOptions, Error> {
    let owned = |flag| given(matches, flag).map(str::to_owned);
    let named = owned(&FULCIO_URL).is_some() || owned(&REKOR_URL).is_some();
    let use_config = matches
        .given(&USE_SIGNING_CONFIG)
        .map(|_| matches.on(&USE_SIGNING_CONFIG));
    let config = match (path(context, matches, &SIGNING_CONFIG), use_config) {
        (Some(file), _) => ConfigSource::File(file),
        (None, Some(true)) => ConfigSource::Initialised,
        (None, Some(false)) => ConfigSource::None,
        // A key needs nobody; an identity needs an authority, which only the user can name.
        (None, None) if with_key || named => ConfigSource::None,
        (None, None) => ConfigSource::Initialised,
    };
    Ok(ServiceOptions {
        config,
        authority: owned(&FULCIO_URL),
        identity_provider: owned(&OIDC_ISSUER),
        log: owned(&REKOR_URL),
        timestamps: owned(&TIMESTAMP_SERVER_URL),
        timestamps_tls: timestamps_tls(context, matches)?,
        log_wanted: matches
            .given(&TLOG_UPLOAD)
            .map(|_| matches.on(&TLOG_UPLOAD)),
    })
}

/// `--signing-algorithm`, in the names of `sigstore/protobuf-specs:docs/algorithm-registry.md`.
fn algorithm(matches: &Matches) -> Result<KeyAlgorithm, Error> {
    Ok(match given(matches, &SIGNING_ALGORITHM) {
        None | Some("ecdsa-sha2-256-nistp256") => KeyAlgorithm::EcdsaP256,
        Some("ecdsa-sha2-384-nistp384") => KeyAlgorithm::EcdsaP384,
        Some("ecdsa-sha2-512-nistp521") => KeyAlgorithm::EcdsaP521,
        Some("rsa-sign-pkcs1-2048-sha256") => KeyAlgorithm::Rsa2048,
        Some("rsa-sign-pkcs1-3072-sha256") => KeyAlgorithm::Rsa3072,
        Some("rsa-sign-pkcs1-4096-sha256") => KeyAlgorithm::Rsa4096,
        Some(other) => {
            return Err(Error::Usage {
                problem: format!(
                    "invalid argument {other:?} for \"--{}\" flag: must be one of {}",
                    SIGNING_ALGORITHM.name,
                    SIGNING_ALGORITHMS.join(", ")
                ),
            });
        }
    })
}

fn timestamps_tls(context: &Context<'_>, matches: &Matches) -> Result<Option<net::Tls>, Error> {
    if given(matches, &TIMESTAMP_SERVER_NAME).is_some() {
        return Err(Error::Unsupported {
            what: "--timestamp-server-name",
            instead: "Name the timestamp server by a host name that its certificate has.",
        });
    }
    let authority = files::named_pem(context.session.process, matches, &TIMESTAMP_CLIENT_CACERT)?;
    let client = registry::client_identity(
        context.session.process,
        matches,
        &TIMESTAMP_CLIENT_CERT,
        &TIMESTAMP_CLIENT_KEY,
    )?;
    Ok((authority.is_some() || client.is_some()).then(|| net::Tls {
        system_roots: true,
        extra_roots_pem: authority.into_iter().collect(),
        client_identity: client,
        insecure: None,
    }))
}

fn identity(context: &Context<'_>, matches: &Matches) -> Result<IdentityOptions, Error> {
    let flow = match given(matches, &FULCIO_AUTH_FLOW) {
        None => None,
        Some("normal") => Some(Flow::Browser),
        Some("device") => Some(Flow::Device),
        Some("token") => Some(Flow::Token),
        Some("client_credentials") => Some(Flow::ClientCredentials),
        Some(other) => {
            return Err(Error::Usage {
                problem: format!(
                    "invalid argument {other:?} for \"--{}\" flag: must be normal, device, token or client_credentials",
                    FULCIO_AUTH_FLOW.name
                ),
            });
        }
    };
    let secret = match given(matches, &OIDC_CLIENT_SECRET_FILE) {
        None => None,
        Some(path) => {
            let process = context.session.process;
            let bytes = Zeroizing::new(files::read(process, path.as_ref(), files::PEM_LIMIT)?);
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| Error::Input(crate::input::InputError::NotText))?;
            Some(Zeroizing::new(text.trim().to_owned()))
        }
    };
    Ok(IdentityOptions {
        token: given(matches, &IDENTITY_TOKEN).map(|token| token.to_owned().into()),
        provider: given(matches, &OIDC_PROVIDER).map(str::to_owned),
        ambient: !matches.on(&OIDC_DISABLE_AMBIENT),
        flow,
        client_id: matches.text(&OIDC_CLIENT_ID).to_owned(),
        client_secret: secret,
        redirect: given(matches, &OIDC_REDIRECT_URL).map(str::to_owned),
        yes: matches.on(&YES),
    })
}

impl std::fmt::Debug for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(_) => f.write_str("Key(..)"),
            Self::CertifiedKey(_) => f.write_str("CertifiedKey(..)"),
            Self::Service(service) => f.debug_tuple("Service").field(service).finish(),
            Self::Identity(algorithm) => f.debug_tuple("Identity").field(algorithm).finish(),
        }
    }
}

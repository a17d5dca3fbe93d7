//! How registries are reached: the `--registry-…` flags and `COSIGN_REPOSITORY`.

use oci::{Reference, Repository};
use registry::Credentials;
use zeroize::Zeroizing;

use super::error::Error;
use super::flags::{
    ALLOW_HTTP, ALLOW_INSECURE, ATTACHMENT_TAG_PREFIX, REGISTRY_CACERT, REGISTRY_CLIENT_CERT,
    REGISTRY_CLIENT_KEY, REGISTRY_PASSWORD, REGISTRY_SERVER_NAME, REGISTRY_TOKEN,
    REGISTRY_USERNAME,
};
use super::{files, given, images, not_both, size, variables};
use crate::cobra::{Flag, Matches};
use crate::process::Process;

/// What the flags of a command say about registries.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// Plain HTTP with a registry that shows that it has no TLS.
    pub allow_http: bool,
    /// Any certificate of a registry, too.
    pub allow_insecure: bool,
    /// Further authorities, PEM.
    pub authority: Option<Vec<u8>>,
    /// The client's certificate.
    pub client: Option<net::ClientIdentity>,
    /// In place of the stored login.
    pub login: Option<Credentials>,
    /// Before the tags of the older form.
    pub tag_prefix: String,
    /// Where everything attached is, if not beside its image.
    pub attachments: Option<Repository>,
    /// The largest signature, attestation or SBOM that is read, in bytes.
    pub largest_attachment: u64,
}

impl RegistryOptions {
    /// Reads flags, variables and the files that they name.
    ///
    /// # Errors
    /// An unreadable file, half a login, a malformed variable, or a flag that is not supported.
    pub(crate) fn of(process: &Process, matches: &Matches) -> Result<Self, Error> {
        if given(matches, &REGISTRY_SERVER_NAME).is_some() {
            return Err(Error::Unsupported {
                what: "--registry-server-name",
                instead: "Name the registry by a host name that its certificate has.",
            });
        }
        let repository = process.var(variables::REPOSITORY);
        Ok(Self {
            allow_http: matches.on(&ALLOW_HTTP) || matches.on(&ALLOW_INSECURE),
            allow_insecure: matches.on(&ALLOW_INSECURE),
            authority: files::named_pem(process, matches, &REGISTRY_CACERT)?,
            client: client_identity(
                process,
                matches,
                &REGISTRY_CLIENT_CERT,
                &REGISTRY_CLIENT_KEY,
            )?,
            login: login(matches)?,
            tag_prefix: given(matches, &ATTACHMENT_TAG_PREFIX)
                .unwrap_or_default()
                .to_owned(),
            attachments: repository.map(images::repository).transpose()?,
            largest_attachment: size::largest_attachment(process)?,
        })
    }
}

impl RegistryOptions {
    /// Where everything attached to an image is.
    pub(crate) fn attachments_of<'a>(&'a self, image: &'a Reference) -> &'a Repository {
        self.attachments
            .as_ref()
            .unwrap_or_else(|| image.repository())
    }
}

/// The client's certificate that two flags name.
///
/// # Errors
/// An unreadable file, or one without the other.
pub(super) fn client_identity(
    process: &Process,
    matches: &Matches,
    certificate: &'static Flag,
    key: &'static Flag,
) -> Result<Option<net::ClientIdentity>, Error> {
    let files = (
        files::named_pem(process, matches, certificate)?,
        files::named_pem(process, matches, key)?,
    );
    match files {
        (None, None) => Ok(None),
        (Some(cert_pem), Some(key_pem)) => Ok(Some(net::ClientIdentity {
            cert_pem,
            key_pem: Zeroizing::new(key_pem),
        })),
        (Some(_), None) => Err(Error::Required {
            flag: key.name,
            why: "the key of the client certificate",
        }),
        (None, Some(_)) => Err(Error::Required {
            flag: certificate.name,
            why: "the certificate of the client key",
        }),
    }
}

fn login(matches: &Matches) -> Result<Option<Credentials>, Error> {
    not_both(
        matches,
        &REGISTRY_USERNAME,
        &REGISTRY_TOKEN,
        "the token alone says who you are",
    )?;
    if let Some(token) = given(matches, &REGISTRY_TOKEN) {
        return Ok(Some(Credentials::RegistryToken {
            token: token.to_owned().into(),
        }));
    }
    match (
        given(matches, &REGISTRY_USERNAME),
        given(matches, &REGISTRY_PASSWORD),
    ) {
        (None, None) => Ok(None),
        (Some(username), Some(password)) => Ok(Some(Credentials::Password {
            username: username.to_owned(),
            password: password.to_owned().into(),
        })),
        (Some(_), None) => Err(Error::Required {
            flag: REGISTRY_PASSWORD.name,
            why: "the password of --registry-username",
        }),
        (None, Some(_)) => Err(Error::Required {
            flag: REGISTRY_USERNAME.name,
            why: "the user of --registry-password",
        }),
    }
}

//! A certificate authority for one test.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::folder::Folder;

/// A certificate authority that exists for one test.
#[derive(Debug)]
pub struct TestCa {
    folder: Folder,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A server certificate and its key, as files and as text. Lives as long as its [`TestCa`].
#[derive(Clone, Debug)]
pub struct ServerCertificate {
    /// PEM file of the certificate.
    pub certificate_file: PathBuf,
    /// PEM file of the PKCS#8 private key.
    pub key_file: PathBuf,
    /// What `certificate_file` contains.
    pub certificate_pem: String,
    /// What `key_file` contains.
    pub key_pem: String,
}

impl TestCa {
    /// Makes a new authority with an ECDSA P-256 key.
    #[expect(clippy::new_without_default, reason = "every one is different")]
    pub fn new() -> Self {
        let folder = Folder::new("ca");
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Countersign test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("P-256 keys can be generated");
        let pem = params
            .self_signed(&key)
            .expect("the parameters are valid")
            .pem();
        std::fs::write(folder.path().join("ca.crt"), &pem)
            .expect("the temporary folder is writable");
        Self {
            folder,
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// PEM file of the authority's certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// The authority's certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `localhost` and `127.0.0.1`, for servers and clients.
    pub fn issue_for_loopback(&self) -> ServerCertificate {
        self.issue(&["localhost", "127.0.0.1"])
    }

    /// A certificate for the given DNS names and IP addresses, for servers and clients.
    pub fn issue(&self, names: &[&str]) -> ServerCertificate {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("the names are valid");
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("P-256 keys can be generated");
        let certificate_pem = params
            .signed_by(&key, &self.issuer)
            .expect("the parameters are valid")
            .pem();
        let key_pem = key.serialize_pem();
        let certificate_file = self.write("crt", &certificate_pem);
        let key_file = self.write("key", &key_pem);
        ServerCertificate {
            certificate_file,
            key_file,
            certificate_pem,
            key_pem,
        }
    }

    fn write(&self, kind: &str, text: &str) -> PathBuf {
        let file = tempfile::Builder::new()
            .suffix(&format!(".{kind}"))
            .tempfile_in(self.folder.path())
            .and_then(|file| Ok(file.keep()?.1))
            .expect("the temporary folder is writable");
        std::fs::write(&file, text).expect("the temporary folder is writable");
        file
    }
}

/// Makes a file or folder readable by the unprivileged user that some peers run as.
pub(crate) fn hand_over(path: &Path, user: u32) {
    std::os::unix::fs::chown(path, Some(user), Some(user)).expect("root may change owners");
}

//! The certificate authority: Fulcio.

use std::collections::BTreeMap;
use std::sync::Mutex;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::authority::{self, Authority, CODE_SIGNING, Role, Tbs, extension};
use super::claims::Claims;
use super::exchange::{Answer, Call};
use super::keys::{Key, pem, read_pem, sha256, unb64, verifies};
use super::{Faults, Shared, clock, der};

/// How tokens of an issuer become certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerKind {
    /// A person's verified address.
    Email,
    /// GitLab, gitlab.com or an instance.
    Gitlab,
    /// GitHub's workflows.
    Github,
    /// Buildkite's pipelines.
    Buildkite,
}

const ARC: &str = "1.3.6.1.4.1.57264.1";
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";

#[derive(Debug)]
pub(super) struct Fulcio {
    pub(super) root: Authority,
    pub(super) issuing: Authority,
    pub(super) ct: Key,
    issuers: Mutex<BTreeMap<String, IssuerKind>>,
}

impl Fulcio {
    pub(super) fn new() -> Self {
        let root = Authority::new("sigstack root", Role::Root, None);
        let issuing = Authority::new(
            "sigstack intermediate",
            Role::Issuing(CODE_SIGNING),
            Some(&root),
        );
        let issuers = [
            ("https://gitlab.com", IssuerKind::Gitlab),
            (
                "https://token.actions.githubusercontent.com",
                IssuerKind::Github,
            ),
            ("https://agent.buildkite.com", IssuerKind::Buildkite),
        ];
        Self {
            root,
            issuing,
            ct: Key::p256(),
            issuers: Mutex::new(issuers.map(|(name, kind)| (name.to_owned(), kind)).into()),
        }
    }

    pub(super) fn trust(&self, issuer: &str, kind: IssuerKind) {
        self.issuers
            .lock()
            .expect("nothing panics while it holds the lock")
            .insert(issuer.to_owned(), kind);
    }

    /// Issuing certificate, then root, in PEM.
    pub(super) fn chain(&self) -> [String; 2] {
        [&self.issuing, &self.root].map(|one| pem("CERTIFICATE", &one.certificate))
    }

    fn identity(&self, shared: &Shared, token: &str) -> Result<Identity, Answer> {
        let refuse = |reason: &str| {
            Answer::error(
                StatusCode::BAD_REQUEST,
                3,
                &format!("There was an error processing the identity token: {reason}"),
            )
        };
        let claims = shared.issuer.verify(token).map_err(refuse)?;
        let kind = self
            .issuers
            .lock()
            .expect("nothing panics while it holds the lock")
            .get(&claims.text("iss"))
            .copied()
            .ok_or_else(|| refuse("another issuer"))?;
        Identity::of(kind, &claims).map_err(|reason| refuse(&reason))
    }

    fn issue(&self, spki: &[u8], identity: &Identity, faults: &Faults) -> Vec<u8> {
        let now = clock::seconds() - faults.certificate_age;
        let mut extensions = vec![
            authority::digital_signature(),
            authority::extended_key_usage(CODE_SIGNING, false),
            authority::subject_key_identifier(spki),
            authority::authority_key_identifier(&self.issuing.key.spki()),
            extension(
                "2.5.29.17",
                true,
                &der::sequence(std::slice::from_ref(&identity.name)),
            ),
        ];
        extensions.extend(identity.extensions());
        let tbs = Tbs {
            serial: authority::serial(),
            issuer: &self.issuing.subject,
            validity: (now, now + 600),
            subject: &der::sequence(&[]),
            spki,
        };
        if !faults.no_sct {
            // RFC 6962, section 3.2: what is signed is the certificate without the list.
            let sct = self.sct(&tbs.der(&extensions), faults);
            let list = prefixed(&prefixed(&sct));
            extensions.push(extension(SCT_LIST, false, &der::octets(&list)));
        }
        authority::sign(&tbs.der(&extensions), &self.issuing.key)
    }

    /// RFC 6962, section 3.2, for a precertificate.
    fn sct(&self, tbs: &[u8], faults: &Faults) -> Vec<u8> {
        let timestamp = clock::milliseconds().to_be_bytes();
        let length = u32::try_from(tbs.len()).expect("certificates are small");
        let mut signed = vec![0, 0];
        signed.extend_from_slice(&timestamp);
        signed.extend_from_slice(&[0, 1]);
        signed.extend_from_slice(&sha256(&self.issuing.key.spki()));
        signed.extend_from_slice(&length.to_be_bytes()[1..]);
        signed.extend_from_slice(tbs);
        signed.extend_from_slice(&[0, 0]);
        if faults.wrong_sct {
            signed.push(0);
        }
        let mut sct = vec![0];
        sct.extend_from_slice(&self.ct.id());
        sct.extend_from_slice(&timestamp);
        // No extensions; SHA-256 with ECDSA.
        sct.extend_from_slice(&[0, 0, 4, 3]);
        sct.extend_from_slice(&prefixed(&self.ct.sign(&signed)));
        sct
    }
}

/// Behind its length in two bytes.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("timestamps are small");
    [&length.to_be_bytes(), bytes].concat()
}

/// What the certificate will say.
#[derive(Debug)]
struct Identity {
    /// What a proof of possession may be over: the subject, and for a person the address.
    proofs: Vec<String>,
    /// A GeneralName.
    name: Vec<u8>,
    issuer: String,
    /// The extensions 2 to 24, by number; empty ones are left out.
    values: BTreeMap<u8, String>,
}

impl Identity {
    fn of(kind: IssuerKind, claims: &Claims) -> Result<Self, String> {
        let subject = claims.text("sub");
        let mut identity = Self {
            proofs: vec![subject.clone()],
            name: Vec::new(),
            issuer: claims.text("iss"),
            values: BTreeMap::from([(24, subject)]),
        };
        match kind {
            IssuerKind::Email => identity.person(claims)?,
            IssuerKind::Gitlab => identity.gitlab(&Required(claims))?,
            IssuerKind::Github => identity.github(&Required(claims))?,
            IssuerKind::Buildkite => identity.buildkite(&Required(claims))?,
        }
        Ok(identity)
    }

    fn person(&mut self, claims: &Claims) -> Result<(), String> {
        if claims.text("email_verified") != "true" {
            return Err("the address is not verified".to_owned());
        }
        let address = claims.text("email");
        self.name = der::primitive(1, address.as_bytes());
        self.proofs.push(address);
        Ok(())
    }

    fn uri(&mut self, uri: &str) {
        self.name = der::primitive(6, uri.as_bytes());
    }

    fn gitlab(&mut self, claims: &Required<'_>) -> Result<(), String> {
        let server = self.issuer.clone();
        let config = format!("https://{}", claims.text("ci_config_ref_uri")?);
        let config_sha = claims.0.text("ci_config_sha");
        let project = format!("{server}/{}", claims.text("project_path")?);
        let folder = if claims.text("ref_type")? == "branch" {
            "heads"
        } else {
            "tags"
        };
        self.values.extend([
            (9, config.clone()),
            (10, config_sha.clone()),
            (11, claims.text("runner_environment")?),
            (13, claims.text("sha")?),
            (14, format!("refs/{folder}/{}", claims.text("ref")?)),
            (15, claims.text("project_id")?),
            (16, format!("{server}/{}", claims.text("namespace_path")?)),
            (17, claims.text("namespace_id")?),
            (18, config.clone()),
            (19, config_sha),
            (20, claims.text("pipeline_source")?),
            (21, format!("{project}/-/jobs/{}", claims.text("job_id")?)),
            (22, claims.text("project_visibility")?),
            (23, claims.0.text("environment")),
            (12, project),
        ]);
        self.uri(&config);
        Ok(())
    }

    fn github(&mut self, claims: &Required<'_>) -> Result<(), String> {
        let at = |path: &str| format!("https://github.com/{path}");
        let repository = claims.text("repository")?;
        let job = at(&claims.text("job_workflow_ref")?);
        self.values.extend([
            (2, claims.text("event_name")?),
            (3, claims.text("sha")?),
            (4, claims.text("workflow")?),
            (5, repository.clone()),
            (6, claims.text("ref")?),
            (9, job.clone()),
            (10, claims.text("job_workflow_sha")?),
            (11, claims.text("runner_environment")?),
            (12, at(&repository)),
            (13, claims.text("sha")?),
            (14, claims.text("ref")?),
            (15, claims.text("repository_id")?),
            (16, at(&claims.text("repository_owner")?)),
            (17, claims.text("repository_owner_id")?),
            (18, at(&claims.text("workflow_ref")?)),
            (19, claims.text("workflow_sha")?),
            (20, claims.text("event_name")?),
            (
                21,
                at(&format!(
                    "{repository}/actions/runs/{}/attempts/{}",
                    claims.text("run_id")?,
                    claims.text("run_attempt")?
                )),
            ),
            (22, claims.text("repository_visibility")?),
            (23, claims.0.text("environment")),
        ]);
        self.uri(&job);
        Ok(())
    }

    fn buildkite(&mut self, claims: &Required<'_>) -> Result<(), String> {
        let pipeline = format!(
            "https://buildkite.com/{}/{}",
            claims.text("organization_slug")?,
            claims.text("pipeline_slug")?
        );
        self.values.extend([
            (11, claims.text("runner_environment")?),
            (13, claims.text("build_commit")?),
            (20, claims.text("build_source")?),
            (
                21,
                format!(
                    "{pipeline}/builds/{}#{}",
                    claims.text("build_number")?,
                    claims.text("job_id")?
                ),
            ),
        ]);
        self.uri(&pipeline);
        Ok(())
    }

    /// In ascending order. 1 to 6 are bare text, the later ones UTF8String.
    fn extensions(&self) -> Vec<Vec<u8>> {
        let mut values = self.values.clone();
        values.insert(1, self.issuer.clone());
        values.insert(8, self.issuer.clone());
        values
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(number, value)| {
                let value = if number < 7 {
                    value.into_bytes()
                } else {
                    der::utf8(&value)
                };
                extension(&format!("{ARC}.{number}"), false, &value)
            })
            .collect()
    }
}

/// Claims that Fulcio's templates name: one that is missing is an error.
struct Required<'a>(&'a Claims);

impl Required<'_> {
    fn text(&self, name: &str) -> Result<String, String> {
        match self.0.get(name) {
            None => Err(format!(
                "value {name} not present in either claims or defaults"
            )),
            Some(_) => Ok(self.0.text(name)),
        }
    }
}

pub(super) fn answer(shared: &Shared, call: &Call) -> Result<Answer, Answer> {
    let fulcio = &shared.fulcio;
    match (&call.method, call.path.as_str()) {
        (&Method::POST, "/api/v1/signingCert") => {
            let request = call.json()?;
            let leaf = certify(shared, call, &request, &Subject::v1(&request)?)?;
            let chain = [vec![leaf], fulcio.chain().to_vec()].concat();
            Ok(Answer::new(
                StatusCode::CREATED,
                "application/pem-certificate-chain",
                chain.concat().trim_end().to_owned(),
            ))
        }
        (&Method::POST, "/api/v2/signingCert") => {
            let request = call.json()?;
            let leaf = certify(shared, call, &request, &Subject::v2(&request)?)?;
            let chain = [vec![leaf], fulcio.chain().to_vec()].concat();
            let chain = json!({"chain": {"certificates": chain}});
            let name = if shared.faults().no_sct {
                "signedCertificateDetachedSct"
            } else {
                "signedCertificateEmbeddedSct"
            };
            Ok(Answer::json(StatusCode::OK, &json!({name: chain})))
        }
        (&Method::GET, "/api/v1/rootCert") => Ok(Answer::new(
            StatusCode::OK,
            "application/pem-certificate-chain",
            fulcio.chain().concat(),
        )),
        (&Method::GET, "/api/v2/trustBundle") => Ok(Answer::json(
            StatusCode::OK,
            &json!({"chains": [{"certificates": fulcio.chain()}]}),
        )),
        _ => Err(Answer::error(StatusCode::NOT_FOUND, 5, "Not Found")),
    }
}

/// The key that the certificate is for, and how its possession is proved.
enum Subject {
    Key {
        spki: Vec<u8>,
        proof: Vec<u8>,
    },
    /// A request that signs itself.
    Request {
        spki: Vec<u8>,
    },
}

impl Subject {
    fn v1(request: &Value) -> Result<Self, Answer> {
        if let Some(text) = request["certificateSigningRequest"].as_str() {
            return Self::request(text);
        }
        let content = &request["publicKey"]["content"];
        let key = content.as_str().and_then(unb64).ok_or_else(bad_key)?;
        Self::key(&key, &request["signedEmailAddress"])
    }

    fn v2(request: &Value) -> Result<Self, Answer> {
        if let Some(text) = request["certificateSigningRequest"].as_str() {
            return Self::request(text);
        }
        let request = &request["publicKeyRequest"];
        let content = &request["publicKey"]["content"];
        let key = content.as_str().ok_or_else(bad_key)?;
        Self::key(key.as_bytes(), &request["proofOfPossession"])
    }

    fn key(pem: &[u8], proof: &Value) -> Result<Self, Answer> {
        let (spki, _) = read_pem(pem).ok_or_else(bad_key)?;
        let proof = proof.as_str().and_then(unb64).ok_or_else(bad_proof)?;
        Ok(Self::Key { spki, proof })
    }

    /// PKCS#10, RFC 2986.
    fn request(text: &str) -> Result<Self, Answer> {
        use rustls_pki_types::CertificateSigningRequestDer;
        use rustls_pki_types::pem::PemObject;

        let refusal = || {
            Answer::error(
                StatusCode::BAD_REQUEST,
                3,
                "The certificate signing request could not be parsed",
            )
        };
        let text = unb64(text).ok_or_else(refusal)?;
        let request = CertificateSigningRequestDer::from_pem_slice(&text).map_err(|_| refusal())?;
        let parts = || {
            let mut input: &[u8] = &request;
            let mut outer = der::expect(&mut input, der::SEQUENCE)?;
            let signed = der::whole(&mut outer)?;
            der::take(&mut outer)?;
            let signature = der::expect(&mut outer, der::BIT_STRING)?.get(1..)?;
            let mut info = signed;
            let mut info = der::expect(&mut info, der::SEQUENCE)?;
            der::take(&mut info)?;
            der::take(&mut info)?;
            Some((signed, signature, der::whole(&mut info)?))
        };
        let (signed, signature, spki) = parts().ok_or_else(refusal)?;
        if !verifies(spki, signed, signature) {
            return Err(bad_proof());
        }
        Ok(Self::Request {
            spki: spki.to_vec(),
        })
    }
}

fn bad_key() -> Answer {
    Answer::error(
        StatusCode::BAD_REQUEST,
        3,
        "The public key supplied in the request could not be parsed",
    )
}

fn bad_proof() -> Answer {
    Answer::error(
        StatusCode::BAD_REQUEST,
        3,
        "The signature supplied in the request could not be verified",
    )
}

/// The leaf in PEM.
fn certify(
    shared: &Shared,
    call: &Call,
    request: &Value,
    subject: &Subject,
) -> Result<String, Answer> {
    let in_body = request["credentials"]["oidcIdentityToken"].as_str();
    let in_header = call
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    let token = in_body.or(in_header).unwrap_or_default();
    let identity = shared.fulcio.identity(shared, token)?;
    let spki = match subject {
        Subject::Request { spki } => spki,
        Subject::Key { spki, proof } => {
            let proved = identity
                .proofs
                .iter()
                .any(|name| verifies(spki, name.as_bytes(), proof));
            if !proved {
                return Err(bad_proof());
            }
            spki
        }
    };
    let leaf = shared.fulcio.issue(spki, &identity, &shared.faults());
    Ok(pem("CERTIFICATE", &leaf))
}

//! Signers and witnesses of a private Sigstore.

use jiff::Timestamp;
use keyless::Http;
use keyless::certified::certify;
use keyless::fulcio::{Api, Fulcio};
use keyless::rekor::{Log, LogVersion};
use keyless::token::IdentityToken;
use keyless::tsa::TimestampAuthority;
use signing::sign::{Certificate, Signer, Witnesses};
use sigstore::trust::TrustedRoot;
use testkit::sigstack::{Claims, Ref, Sigstore};

pub(crate) const ISSUER: &str = "https://gitlab.com";
pub(crate) const IDENTITY: &str = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main";

fn http() -> Http {
    Http::new(net::Client::new(net::Config::new("test")).unwrap())
}

#[allow(
    clippy::disallowed_methods,
    reason = "the private services and the real cosigns live in the present"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

pub(crate) async fn signer(services: &Sigstore, api: Api) -> Signer {
    let token = services.token(&Claims::gitlab(ISSUER, "acme/app", Ref::Branch("main")));
    let token = IdentityToken::parse(&token).unwrap();
    let fulcio = Fulcio::new(http(), services.fulcio_url(), api).unwrap();
    let certified = certify(&token, &fulcio).await.unwrap();
    Signer::with_key(certified.key)
        .certified(Certificate {
            leaf: certified.certificate,
            issuers: certified.issuers,
        })
        .unwrap()
}

pub(crate) fn witnesses(services: &Sigstore, version: LogVersion) -> Witnesses {
    let url = match version {
        LogVersion::V1 => services.rekor_url(),
        LogVersion::V2 => services.rekor_v2_url(),
    };
    Witnesses {
        logs: vec![Log::new(http(), url, version).unwrap()],
        authorities: vec![TimestampAuthority::new(http(), &services.timestamp_url()).unwrap()],
    }
}

pub(crate) fn trust(services: &Sigstore) -> TrustedRoot {
    TrustedRoot::parse(&std::fs::read(services.trusted_root()).unwrap()).unwrap()
}

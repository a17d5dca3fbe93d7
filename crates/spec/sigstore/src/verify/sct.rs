//! The promise of a CT log in a certificate (RFC 6962, 3.3).

use jiff::Timestamp;
use tlog::log_id::LogKeys;
use tlog::precert::{PrecertEntry, PrecertError, embedded_sct_list};
use tlog::sct::{Sct, SctEntry, SctError, SctVerified};

use crate::chain::VerifiedChain;
use crate::trust::TransparencyLog;

/// Why there is no promise that holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SctRefusal {
    /// The certificate carries none.
    #[error("the certificate carries no SCT")]
    Absent,
    /// The log was not in use at the promise's time.
    #[error("the SCT is of {milliseconds} ms, when its log was not in use")]
    OutsideWindow {
        /// Milliseconds since 1970.
        milliseconds: u64,
    },
    /// The certificate cannot be taken back to what the log signed.
    #[error(transparent)]
    Precertificate(#[from] PrecertError),
    /// A promise does not hold, or is of an unknown log.
    #[error(transparent)]
    Sct(#[from] SctError),
}

/// One promise of a trusted log that holds; those of unknown logs are passed over, a false one of a known log is not.
pub(super) fn verify(
    chain: &VerifiedChain,
    logs: &[TransparencyLog],
) -> Result<SctVerified, SctRefusal> {
    let leaf = chain.leaf().der();
    let list = embedded_sct_list(leaf)?.ok_or(SctRefusal::Absent)?;
    let entry = PrecertEntry::of_certificate(leaf, chain.issuer())?;
    let mut proven = None;
    let mut refusal = SctRefusal::Absent;
    for sct in Sct::parse_list(list)? {
        let known: Vec<&TransparencyLog> =
            logs.iter().filter(|log| log.log_id == sct.log_id).collect();
        if known.is_empty() {
            refusal = SctRefusal::Sct(SctError::UnknownLog { log_id: sct.log_id });
            continue;
        }
        let milliseconds = sct.milliseconds;
        let time = i64::try_from(milliseconds)
            .ok()
            .and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
            .ok_or(SctError::Time { milliseconds })?;
        let in_use: LogKeys = known
            .iter()
            .filter(|log| log.window.contains(time))
            .map(|log| log.key.clone())
            .collect();
        if in_use.find(&sct.log_id).is_none() {
            refusal = SctRefusal::OutsideWindow { milliseconds };
            continue;
        }
        let verified = sct.verify(SctEntry::Precertificate(&entry), &in_use)?;
        proven = proven.or(Some(verified));
    }
    proven.ok_or(refusal)
}

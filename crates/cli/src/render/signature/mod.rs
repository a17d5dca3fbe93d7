//! What verification found out about an image's signatures, for people and for programs.

mod explain;
mod reason;

pub use explain::{CandidateReport, StepReport, candidates};
pub use reason::Reason;

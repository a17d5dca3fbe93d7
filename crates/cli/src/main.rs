//! The program: `countersign`, and under other names what those names stand for.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(countersign::main())
}

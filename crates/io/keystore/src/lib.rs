//! Key files in a trust folder and where their passphrases come from.

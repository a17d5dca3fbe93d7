//! Notary's TUF dialect: metadata, trusted set, editor and upload rules; pure.

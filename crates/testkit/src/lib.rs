//! For tests only: the real peers, in-process servers, corrupted metadata, terminals.

-- Text compares byte by byte (BINARY, the default of SQLite): GUNs that differ in case are different GUNs.

CREATE TABLE guns (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Every version of every file, as it was received or signed.
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    gun INTEGER NOT NULL REFERENCES guns (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    -- Microseconds since 1970.
    created_at INTEGER NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (gun, role, version)
) STRICT;
CREATE INDEX files_by_sha256 ON files (gun, role, sha256);

-- Keys that the server signs with. They outlive their GUN, whose owner may publish the same root again.
CREATE TABLE keys (
    id INTEGER PRIMARY KEY,
    gun TEXT NOT NULL,
    role TEXT NOT NULL,
    key_id BLOB NOT NULL,
    algorithm TEXT NOT NULL,
    public BLOB NOT NULL,
    -- Compact JWE under the server's secret.
    sealed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- First signature; none as long as no published root names the key.
    used_at INTEGER,
    UNIQUE (gun, key_id)
) STRICT;
CREATE UNIQUE INDEX pending_keys ON keys (gun, role, algorithm) WHERE used_at IS NULL;

-- A known text under the server's secret: tells a wrong secret from a damaged key.
CREATE TABLE secret_proof (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sealed TEXT NOT NULL
) STRICT;

-- Ids are never used again, so that readers can go on from the last one they saw.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    gun TEXT NOT NULL,
    -- Of the timestamp; 0 and none for a deletion.
    version INTEGER NOT NULL,
    sha256 BLOB,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX changes_by_gun ON changes (gun, id);

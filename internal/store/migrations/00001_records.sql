-- Each record is one JSON document; the columns beside it are what queries ask
-- for. Ids and addresses are lower-case hex text, IP addresses their usual text,
-- times milliseconds since 1970 with 0 for never.

-- +goose Up
CREATE TABLE networks (
    id       TEXT   NOT NULL PRIMARY KEY,
    deleted  BIGINT NOT NULL,
    record   TEXT   NOT NULL
);

-- deleted and revision are the truth, not what the document says of them: the
-- members of a network are deleted in one statement.
CREATE TABLE members (
    network       TEXT    NOT NULL REFERENCES networks (id),
    node          TEXT    NOT NULL,
    authorized    BOOLEAN NOT NULL,
    hidden        BOOLEAN NOT NULL,
    active_bridge BOOLEAN NOT NULL,
    put_out       BIGINT  NOT NULL, -- when last deauthorized or deleted
    identity      TEXT    NOT NULL,
    deleted       BIGINT  NOT NULL,
    revision      BIGINT  NOT NULL,
    record        TEXT    NOT NULL,
    PRIMARY KEY (network, node)
);

CREATE INDEX members_counted ON members (network, authorized) WHERE deleted = 0 AND NOT hidden;
CREATE INDEX members_bridges ON members (network, node) WHERE active_bridge AND deleted = 0;
CREATE INDEX members_put_out ON members (put_out) WHERE put_out > 0;
CREATE INDEX members_identity ON members (node) WHERE identity <> '';

-- The addresses of members that are not deleted. Users may give one address to
-- several members; what was assigned automatically has no second holder.
CREATE TABLE member_addresses (
    network   TEXT    NOT NULL,
    node      TEXT    NOT NULL,
    address   TEXT    NOT NULL,
    automatic BOOLEAN NOT NULL,
    PRIMARY KEY (network, node, address)
);

CREATE UNIQUE INDEX member_addresses_once ON member_addresses (network, address) WHERE automatic;
CREATE INDEX member_addresses_holders ON member_addresses (network, address, node);

-- No reference to members: what was seen may be older or newer than they are.
CREATE TABLE seen (
    network  TEXT   NOT NULL,
    node     TEXT   NOT NULL,
    time     BIGINT NOT NULL,
    endpoint TEXT   NOT NULL, -- '' if never known
    version  TEXT   NOT NULL, -- major.minor.revision.protocol
    PRIMARY KEY (network, node)
);

CREATE TABLE events (
    seq    BIGINT NOT NULL PRIMARY KEY,
    time   BIGINT NOT NULL,
    record TEXT   NOT NULL
);

CREATE INDEX events_time ON events (time);

-- A counter that is part of the transaction gives events numbers in the order
-- in which they become visible, which a sequence does not.
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE users (
    id     TEXT NOT NULL PRIMARY KEY,
    record TEXT NOT NULL
);

CREATE TABLE tokens (
    hash    TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the secret, hex
    user_id TEXT NOT NULL REFERENCES users (id),
    record  TEXT NOT NULL
);

CREATE INDEX tokens_user ON tokens (user_id);

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

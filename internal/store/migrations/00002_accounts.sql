-- Accounts, organizations and the activity log. What the new columns of users
-- and events hold, and who is in network_users, the next migration reads from
-- the documents that are there already.

-- +goose Up
ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT ''; -- in lower case
ALTER TABLE users ADD COLUMN org TEXT NOT NULL DEFAULT '';   -- '' for none

CREATE UNIQUE INDEX users_email ON users (email) WHERE email <> '';
CREATE INDEX users_org ON users (org, email) WHERE org <> '';

CREATE TABLE organizations (
    id     TEXT NOT NULL PRIMARY KEY,
    record TEXT NOT NULL
);

CREATE TABLE invitations (
    id      TEXT   NOT NULL PRIMARY KEY,
    org     TEXT   NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email   TEXT   NOT NULL, -- in lower case
    created BIGINT NOT NULL,
    record  TEXT   NOT NULL
);

CREATE INDEX invitations_org ON invitations (org, created, id);
CREATE INDEX invitations_email ON invitations (email, created, id);

CREATE TABLE token_uses (
    hash    TEXT   NOT NULL PRIMARY KEY REFERENCES tokens (hash) ON DELETE CASCADE,
    time    BIGINT NOT NULL,
    address TEXT   NOT NULL -- '' if not known
);

-- The owner of each network that is not deleted, and everybody with a grant on
-- it. No reference to users: a network may outlive them.
CREATE TABLE network_users (
    network TEXT    NOT NULL REFERENCES networks (id),
    user_id TEXT    NOT NULL,
    owner   BOOLEAN NOT NULL,
    PRIMARY KEY (network, user_id)
);

CREATE INDEX network_users_user ON network_users (user_id, network);
CREATE INDEX network_users_owner ON network_users (user_id, network) WHERE owner;

-- '' stands for what an event does not name. No index holds it: an event costs
-- only the indexes of what it names.
ALTER TABLE events ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN node TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN actor TEXT NOT NULL DEFAULT '';   -- a user's id
ALTER TABLE events ADD COLUMN user_id TEXT NOT NULL DEFAULT ''; -- whose account it concerns
ALTER TABLE events ADD COLUMN org TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN kind TEXT NOT NULL DEFAULT '';

CREATE INDEX events_network ON events (network, seq, node, kind) WHERE network <> '';
CREATE INDEX events_node ON events (node, seq, network) WHERE node <> '';
CREATE INDEX events_actor ON events (actor, seq) WHERE actor <> '';
CREATE INDEX events_user ON events (user_id, seq) WHERE user_id <> '';
CREATE INDEX events_org ON events (org, seq) WHERE org <> '';
CREATE INDEX events_kind ON events (kind, seq) WHERE kind <> '';

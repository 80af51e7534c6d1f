-- Where the feed of the gates stands. One row: whoever appends holds it, so that numbers are in the order of commits.
CREATE TABLE gate_feed_head (
    id   BIGINT NOT NULL PRIMARY KEY,
    feed TEXT   NOT NULL,                       -- random; a store that was restored gets a new one by an operator
    seq  BIGINT NOT NULL
);
INSERT INTO gate_feed_head (id, feed, seq) VALUES (1, '', 0);

-- What controllers are told, in order. A record without zone and controller is for all of them.
CREATE TABLE gate_feed (
    seq        BIGINT NOT NULL PRIMARY KEY,
    record     TEXT   NOT NULL,                 -- JSON (gate::feed::Record)
    zone_id    TEXT,
    controller_id TEXT,
    at         BIGINT NOT NULL
);

CREATE TABLE gate_zone (
    id          TEXT   NOT NULL PRIMARY KEY,
    agency_code TEXT   NOT NULL,
    zone        TEXT   NOT NULL,                -- JSON (gate::feed::Zone)
    updated_at  BIGINT NOT NULL
);

CREATE TABLE gate_schedule (
    id          TEXT   NOT NULL PRIMARY KEY,
    schedule    TEXT   NOT NULL,                -- JSON (gate::feed::Schedule)
    updated_at  BIGINT NOT NULL
);

CREATE TABLE gate_calendar (
    id          BIGINT NOT NULL PRIMARY KEY,
    calendar    TEXT   NOT NULL,                -- JSON (gate::feed::Calendar)
    updated_at  BIGINT NOT NULL
);

-- Officers whose keys lie offline and sign grace orders.
CREATE TABLE gate_officer (
    thumbprint  TEXT   NOT NULL PRIMARY KEY,
    jwk         TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    created_at  BIGINT NOT NULL
);

CREATE TABLE gate_controller (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    agency_code   TEXT   NOT NULL,
    group_id      TEXT   NOT NULL UNIQUE,       -- 16 bytes, base64url
    code_hash     TEXT,                         -- of the enrolment code, until it is used
    code_until    BIGINT,
    key_thumbprint TEXT,
    jwk           TEXT,
    enrolled_at   BIGINT,
    ended_at      BIGINT,
    passage_n     BIGINT NOT NULL DEFAULT 0,    -- number and hash of the last line that was taken
    passage_head  TEXT   NOT NULL DEFAULT '',
    seen_at       BIGINT,
    created_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX gate_controller_code ON gate_controller (code_hash);

CREATE TABLE gate_door (
    id            TEXT   NOT NULL PRIMARY KEY,  -- 16 bytes, base64url
    controller_id TEXT   NOT NULL REFERENCES gate_controller (id),
    zone_id       TEXT   NOT NULL REFERENCES gate_zone (id),
    door          TEXT   NOT NULL,              -- JSON (gate::feed::Door)
    updated_at    BIGINT NOT NULL
);
CREATE INDEX gate_door_controller ON gate_door (controller_id);

CREATE TABLE gate_grant (
    id          TEXT   NOT NULL PRIMARY KEY,
    zone_id     TEXT   NOT NULL REFERENCES gate_zone (id),
    employee_id TEXT,                           -- for one person; else the grant itself says whom
    grant_json  TEXT   NOT NULL,                -- JSON (gate::feed::Grant); a person's without the gate reference
    created_at  BIGINT NOT NULL,
    ended_at    BIGINT
);
CREATE INDEX gate_grant_zone ON gate_grant (zone_id, ended_at);
CREATE INDEX gate_grant_employee ON gate_grant (employee_id);

-- A badge as gates know it: a random reference and the gate key of its phone.
CREATE TABLE gate_badge (
    badge_id       TEXT   NOT NULL PRIMARY KEY,
    employee_id    TEXT   NOT NULL,
    account_id     TEXT   NOT NULL,
    gate_ref       TEXT   NOT NULL UNIQUE,
    key_thumbprint TEXT   NOT NULL,
    pass_until     BIGINT NOT NULL,             -- end of the last pass (ms)
    stopped_at     BIGINT
);
CREATE INDEX gate_badge_employee ON gate_badge (employee_id);
CREATE INDEX gate_badge_stopped ON gate_badge (stopped_at);

-- Passages as the controllers wrote them down.
CREATE TABLE gate_passage (
    controller_id TEXT   NOT NULL REFERENCES gate_controller (id),
    n             BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    opened        BIGINT NOT NULL,
    gate_ref      TEXT,
    line          TEXT   NOT NULL,
    PRIMARY KEY (controller_id, n)
);
CREATE INDEX gate_passage_at ON gate_passage (at);
CREATE INDEX gate_passage_ref ON gate_passage (gate_ref, at);

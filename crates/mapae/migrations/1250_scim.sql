-- Who may push over SCIM. The token itself is only with the HR system; here lies its SHA-256 (hex).
CREATE TABLE scim_token (
    id          TEXT   NOT NULL PRIMARY KEY,
    name        TEXT   NOT NULL,               -- which HR system, for people
    token_hash  TEXT   NOT NULL UNIQUE,
    agency_code TEXT   NOT NULL,               -- reaches this agency and those below it
    rights      TEXT   NOT NULL,               -- words separated by commas
    created_at  BIGINT NOT NULL,
    used_at     BIGINT,
    ended_at    BIGINT
);

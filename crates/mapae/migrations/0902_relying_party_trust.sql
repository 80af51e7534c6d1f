-- Credentials of other issuers that a relying party may ask for, and whose signature on them it believes.
CREATE TABLE relying_party_trust (
    relying_party TEXT   NOT NULL REFERENCES relying_party (id),
    format        TEXT   NOT NULL CHECK (format IN ('dc+sd-jwt', 'mso_mdoc')),
    type          TEXT   NOT NULL,                  -- vct, or document type
    name_ko       TEXT   NOT NULL,                  -- whose they are, for people
    name_en       TEXT   NOT NULL,
    anchors       TEXT   NOT NULL,                  -- JSON: root certificates, or a DID with the keys it had
    claims        TEXT   NOT NULL,                  -- JSON array of claim paths it may ask for
    status        TEXT   NOT NULL CHECK (status IN ('required', 'if_named', 'off')),
    unbound       BIGINT NOT NULL,                  -- 1: may be asked for without holder binding
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (relying_party, format, type)
);

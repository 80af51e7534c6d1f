-- Passkeys. One of an enrolment becomes the account's with the registration; a newer one of the same enrolment replaces
-- it. `share` is the server's share of a vault's key, sealed with account and credential bound in; NULL where the passkey
-- gives PRF secrets.
CREATE TABLE account_passkey (
    id              TEXT   NOT NULL PRIMARY KEY,
    onboarding_id   TEXT   NOT NULL UNIQUE,
    account_id      TEXT,
    credential_id   TEXT   NOT NULL, -- base64url
    public_key      BLOB   NOT NULL, -- SEC1, uncompressed
    user_handle     TEXT   NOT NULL, -- base64url
    evidence        TEXT   NOT NULL, -- device_bound_attested, device_bound_unattested, synced
    attestation     TEXT   NOT NULL, -- the format that was sent
    aaguid          TEXT   NOT NULL, -- hex
    prf             BIGINT NOT NULL,
    sign_count      BIGINT NOT NULL,
    share           BLOB,
    share_given     BIGINT NOT NULL DEFAULT 0,
    share_window_at BIGINT NOT NULL DEFAULT 0,
    created_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_passkey_credential ON account_passkey (credential_id);
CREATE UNIQUE INDEX account_passkey_account ON account_passkey (account_id);

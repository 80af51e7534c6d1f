-- Logins that an app began without a page, over the government adapter.
CREATE TABLE login_app (
    challenge     TEXT   NOT NULL PRIMARY KEY,      -- PKCE: whoever has its verifier began it
    nonce         BLOB   NOT NULL UNIQUE,           -- SHA-256 of the nonce in the app's link
    attempt       TEXT   NOT NULL,
    relying_party TEXT   NOT NULL REFERENCES relying_party (id),
    ticket        TEXT   NOT NULL,                  -- sealed: the start of the login
    seen_at       BIGINT,                           -- when the app was told that it is done; only then a code is given
    expires_at    BIGINT NOT NULL
);
CREATE INDEX login_app_expires_at ON login_app (expires_at);
CREATE INDEX login_app_relying_party ON login_app (relying_party, expires_at);

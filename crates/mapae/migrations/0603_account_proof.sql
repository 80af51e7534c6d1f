-- When the PIN was set, when a forgotten one was replaced, whether the phone is ordered to forget everything, and
-- whether the account moved to another device whose badge has not been issued anew yet.
ALTER TABLE account ADD COLUMN pin_set_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN pin_reset_at BIGINT;
ALTER TABLE account ADD COLUMN wipe_ordered_at BIGINT;
ALTER TABLE account ADD COLUMN moved_at BIGINT;
-- How often the holder began to prove themselves anew in the present window.
ALTER TABLE account ADD COLUMN proof_tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN proof_window_at BIGINT NOT NULL DEFAULT 0;
UPDATE account SET pin_set_at = created_at;

-- The PIN's salt, sealed by a secret of the passkey that the server does not know.
ALTER TABLE account_passkey ADD COLUMN salt BLOB;

-- The holder proves again who they are: after the app was deleted (recovery), or in place of a forgotten PIN.
CREATE TABLE account_proof (
    id             TEXT   NOT NULL PRIMARY KEY,
    account_id     TEXT   NOT NULL,
    kind           TEXT   NOT NULL, -- recovery, forgotten_pin
    step           TEXT   NOT NULL, -- otp_sent, proofed, done, over
    otp_hash       BLOB,            -- keyed hash
    otp_tries      BIGINT NOT NULL DEFAULT 0,
    otp_expires_at BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_proof_live ON account_proof (account_id) WHERE step IN ('otp_sent', 'proofed');
CREATE INDEX account_proof_expiry ON account_proof (expires_at);

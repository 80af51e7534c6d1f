-- One-time codes by time (TOTP) beside the password. The step that was used last makes a code good once.
ALTER TABLE staff_account ADD COLUMN totp_secret BLOB;        -- sealed; NULL: none is set up
ALTER TABLE staff_account ADD COLUMN totp_step BIGINT;
ALTER TABLE staff_account ADD COLUMN totp_since BIGINT;

-- How a session began: password | totp | badge.
ALTER TABLE staff_session ADD COLUMN began_by TEXT NOT NULL DEFAULT 'password';

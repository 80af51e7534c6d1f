-- The first of two persons who unlock; the second completes it, or it ends by itself.
CREATE TABLE account_unlock (
    account_id TEXT   NOT NULL PRIMARY KEY,
    first_id   TEXT   NOT NULL,
    asked_at   BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL
);
CREATE INDEX account_unlock_ends ON account_unlock (ends_at);
-- The unlock desk lists who is locked out, out of a million who are not.
CREATE INDEX account_locked ON account (charged_at) WHERE tries >= 5 AND state <> 'closed';

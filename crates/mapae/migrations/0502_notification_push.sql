-- Browsers that asked to be told. What a push service needs lies sealed; the hash finds the row of an address.
CREATE TABLE notification_push (
    id            TEXT   NOT NULL PRIMARY KEY,
    account_id    TEXT   NOT NULL,
    device        TEXT   NOT NULL, -- thumbprint of the device key that asked
    endpoint_hash TEXT   NOT NULL,
    subscription  BLOB   NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX notification_push_endpoint ON notification_push (endpoint_hash);
CREATE INDEX notification_push_account ON notification_push (account_id);

-- A message to a browser names the subscription and what happened; it has no payload: nothing in it is personal.
ALTER TABLE notification_outbox ADD COLUMN push_id TEXT;
ALTER TABLE notification_outbox ADD COLUMN push_kind TEXT;

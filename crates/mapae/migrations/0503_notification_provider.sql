-- Who took a text message, under which id, as what, and what is known of its arrival.
ALTER TABLE notification_outbox ADD COLUMN provider TEXT;
ALTER TABLE notification_outbox ADD COLUMN remote_id TEXT;
ALTER TABLE notification_outbox ADD COLUMN length TEXT;            -- sms | lms
ALTER TABLE notification_outbox ADD COLUMN doubts BIGINT;          -- tries whose fate is not known: each may have arrived
ALTER TABLE notification_outbox ADD COLUMN in_doubt BIGINT;        -- 1: the last try was one of them
ALTER TABLE notification_outbox ADD COLUMN receipt TEXT;           -- delivered | failed | unknown
ALTER TABLE notification_outbox ADD COLUMN receipt_at BIGINT;
CREATE INDEX notification_outbox_remote ON notification_outbox (provider, remote_id);

-- What was handed over on each day (Korean time), by provider and length: what it costs. Kept when the messages are not.
CREATE TABLE notification_count (
    day      TEXT   NOT NULL,
    provider TEXT   NOT NULL,
    length   TEXT   NOT NULL,
    messages BIGINT NOT NULL,
    doubts   BIGINT NOT NULL,
    PRIMARY KEY (day, provider, length)
);

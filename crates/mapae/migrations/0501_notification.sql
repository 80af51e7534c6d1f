-- What has to be told, written by the transaction that caused it. The payload (number and text) is sealed.
CREATE TABLE notification_outbox (
    id TEXT NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    channel TEXT NOT NULL,
    payload BLOB,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    claim TEXT,
    claim_ends_at BIGINT,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    done_at BIGINT,
    failure TEXT
);
CREATE INDEX notification_outbox_due ON notification_outbox (state, next_at);

-- Demo mode only: what the phones of the demo would have received.
CREATE TABLE notification_demo_inbox (
    id TEXT NOT NULL PRIMARY KEY,
    payload BLOB NOT NULL,
    received_at BIGINT NOT NULL
);
CREATE INDEX notification_demo_inbox_newest ON notification_demo_inbox (received_at);

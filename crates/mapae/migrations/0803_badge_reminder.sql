-- Holders are told before their badge ends: which reminder was sent. One for each number of days, never twice.
CREATE TABLE badge_reminder (
    badge_id TEXT   NOT NULL REFERENCES badge (id),
    days     BIGINT NOT NULL,
    told_at  BIGINT NOT NULL,
    PRIMARY KEY (badge_id, days)
);

-- What may be used once. The primary key decides every race.
CREATE TABLE once (
    purpose    TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, id)
) WITHOUT ROWID;
CREATE INDEX once_expires_at ON once (expires_at);
